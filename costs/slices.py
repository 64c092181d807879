"""One slice, as the modules that write it hand it around."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class OneSlice:
    """All rows of one tenant, subscription, month and metric. `subscription` is our key, `month` the first day."""

    tenant: UUID
    subscription: UUID
    month: date
    metric: str

    def of(self, model: Any) -> QuerySet[Any]:
        """The slice's rows of this model, in no order."""
        named = {"tenant_id": self.tenant, "month": self.month, "metric": self.metric}
        rows: QuerySet[Any] = model.objects.filter(**named, subscription_id=self.subscription)
        return rows.order_by()

    @property
    def alike(self) -> dict[str, Any]:
        """The columns that all rows of the slice share, for the bulk path."""
        return {
            "tenant": self.tenant,
            "month": self.month,
            "subscription": self.subscription,
            "metric": self.metric,
        }
