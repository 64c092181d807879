"""One slice, as the modules that write it hand it around."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from costs.models import CostSlice


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

    def held(self) -> Any:
        """The slice's own row, locked until the transaction ends; None when there is none. Writers take it first."""
        mine = self.of(CostSlice)
        # A write that changes nothing: SELECT FOR UPDATE would be no lock on SQLite.
        return mine.first() if mine.update(read_at=F("read_at")) else None

    @property
    def alike(self) -> dict[str, Any]:
        """The columns that all rows of the slice share, for the bulk path."""
        return {
            "tenant": self.tenant,
            "month": self.month,
            "subscription": self.subscription,
            "metric": self.metric,
        }
