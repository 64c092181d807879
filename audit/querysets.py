"""How runs, receipts and files are asked for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models.functions import Coalesce

from governance.tenancy import TenantQuerySet, across_tenants, current_scope


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


class ReportFileQuerySet(models.QuerySet[Any]):
    """Sentences about files. What a scope hides is hidden before the sentence begins: see ReportFileManager."""

    def visible_to(self, user_id: UUID) -> Self:
        """A person's own files, and every report on tenants they may all see."""
        held = apps.get_model("audit", "ReportFileTenant")._default_manager.filter(file=models.OuterRef("pk"))
        return self.filter(models.Q(owner_id=user_id) | models.Q(models.Exists(held), kind="report"))

    def waiting(self) -> Self:
        """Files that are neither made nor given up."""
        return self.filter(status__in=["queued", "running"])

    def running(self) -> Self:
        """Files that somebody is making (their process may be gone)."""
        return self.filter(status="running")

    def expired(self, now: datetime) -> Self:
        """Files that were made and whose time is over."""
        return self.filter(status="done", expires_at__lte=now)

    def newest_first(self) -> Self:
        """The order of the list."""
        return self.order_by("-created_at", "-id")


class ReportFileManager(models.Manager.from_queryset(ReportFileQuerySet)):  # type: ignore[misc]  # made at run time
    """Hides every file that holds a tenant outside the current scope; raises UnscopedError when there is none."""

    def get_queryset(self) -> ReportFileQuerySet:
        """The files that hold nothing but what is in scope: as many of their tenants are seen as there are."""
        rows: ReportFileQuerySet = super().get_queryset()
        if current_scope().is_every_tenant:
            return rows
        held = apps.get_model("audit", "ReportFileTenant")._default_manager.filter(file=models.OuterRef("pk"))
        seen = held.order_by().values("file").annotate(seen=models.Count("pk")).values("seen")
        return rows.filter(tenant_count=Coalesce(models.Subquery(seen), 0))

    def across_tenants(self, *, reason: str) -> Any:
        """Every file, whatever the scope: for the platform's own work on them."""
        return across_tenants(super().get_queryset(), reason=reason)


class AppendOnlyError(RuntimeError):
    """Something written once was to be changed or deleted. A bug or an attack, never a user's error."""


class AppendOnlyQuerySet(TenantQuerySet[Any]):
    """Sentences about events: they are written and read, and that is all."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnlyError("Audit events are never changed.")

    def delete(self) -> NoReturn:
        """Refused."""
        raise AppendOnlyError("Audit events are never deleted.")

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnlyError("Audit events are never changed.")

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """As Django's, but what is there already stays as it is."""
        if kwargs.get("update_conflicts"):
            raise AppendOnlyError("Audit events are never changed.")
        return super().bulk_create(objs, *args, **kwargs)

    def _raw_delete(self, using: str | None) -> NoReturn:
        raise AppendOnlyError("Audit events are never deleted.")

    update.alters_data = delete.alters_data = bulk_update.alters_data = True  # type: ignore[attr-defined]


class ChainQuerySet(TenantQuerySet[Any]):
    """Sentences about the heads of chains: they move, and are never deleted."""

    def delete(self) -> NoReturn:
        """Refused."""
        raise AppendOnlyError("The head of a chain is never deleted.")

    delete.alters_data = True  # type: ignore[attr-defined]
