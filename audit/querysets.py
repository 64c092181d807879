"""How runs and receipts are asked for."""

from typing import Any, Self

from django.db import models

from governance.tenancy import TenantQuerySet


class SyncRunQuerySet(TenantQuerySet[Any]):
    """Sentences about runs."""

    def of_kind(self, kind: str) -> Self:
        """Runs of one kind of sync."""
        return self.filter(kind=kind)

    def finished(self) -> Self:
        """Runs that ended, whatever the outcome."""
        return self.exclude(outcome="running")

    def running(self) -> Self:
        """Runs that have not ended (their process may have)."""
        return self.filter(outcome="running")

    def latest_per_tenant(self) -> Self:
        """Of these runs, each tenant's newest of each kind. One query."""
        newest = (
            self.model._default_manager.filter(tenant_id=models.OuterRef("tenant_id"), kind=models.OuterRef("kind"))
            .exclude(outcome="running")
            .order_by("-started_at", "-id")
            .values("id")[:1]
        )
        return self.finished().filter(id=models.Subquery(newest))


class ReceiptQuerySet(TenantQuerySet[Any]):
    """Sentences about receipts."""

    def incomplete(self) -> Self:
        """Receipts that miss something."""
        return self.filter(complete=False)
