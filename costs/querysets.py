"""How costs are asked for."""

from collections.abc import Collection
from datetime import date
from typing import Any, Self
from uuid import UUID

from governance.tenancy import TenantQuerySet


class CostQuerySet(TenantQuerySet[Any]):
    """Sentences about rows and sums of cost. Say the metric before summing."""

    def of_metric(self, metric: str) -> Self:
        """Only one metric: the two are never mixed."""
        return self.filter(metric=metric)

    def of_slice(self, tenant_id: UUID, month: date, subscription_id: UUID, metric: str) -> Self:
        """The rows of one slice; `month` is its first day."""
        return self.filter(tenant_id=tenant_id, month=month, subscription_id=subscription_id, metric=metric)

    def between(self, first: date, last: date) -> Self:
        """The days from `first` to `last`, both included; the months are named too, since indexes begin with them."""
        return self.filter(month__gte=first.replace(day=1), month__lte=last, day__gte=first, day__lte=last)

    def of_subscriptions(self, keys: Collection[UUID] | None) -> Self:
        """Only these subscriptions; `None` is all in scope."""
        return self if keys is None else self.filter(subscription_id__in=sorted(keys))


class SliceQuerySet(TenantQuerySet[Any]):
    """Sentences about slices."""

    def of_metric(self, metric: str) -> Self:
        """Only one metric."""
        return self.filter(metric=metric)


class RestatementQuerySet(TenantQuerySet[Any]):
    """Sentences about what moved."""

    def of_metric(self, metric: str) -> Self:
        """Only one metric."""
        return self.filter(metric=metric)
