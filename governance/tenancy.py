"""Every row that belongs to a tenant is reached through a scope: the set of tenants this request or run may touch.

A model that belongs to a tenant derives from `TenantOwned`. Its manager filters every query by the current scope and
raises `Unscoped` when there is none; forms, DRF, prefetch, related objects and `save()` all go through that manager
(it is the base manager too), so they fail closed without knowing it. Only public Django API is used.
Why not django-scopes: docs/adr/0002-tenant-guard.md.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import models

# Longer lists of ids are replaced by a subquery on the memberships: SQL Server takes 2,100 parameters a statement.
MAX_TENANTS_IN_LIST = 500

Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)


class UnscopedError(RuntimeError):
    """A tenant's rows were asked for, or written, outside any scope that holds it. A bug, never a user's error."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tenants may be seen and written, for as long as one request or one run lasts.

    `tenants` is the set of tenant ids; `None` never stands for "all": that is `every_tenant` with its reason.
    `user_id` names the person whose memberships gave the set.
    """

    tenants: frozenset[UUID]
    user_id: UUID | None = None
    every_tenant_because: str = ""

    @classmethod
    def of(cls, *tenants: UUID) -> Self:
        """A worker's scope: these tenants."""
        return cls(frozenset(tenants))

    @classmethod
    def nothing(cls) -> Self:
        """The scope of a stranger: no tenant."""
        return cls(frozenset())

    @classmethod
    def every_tenant(cls, *, reason: str, user_id: UUID | None = None) -> Self:
        """All tenants, for platform people and the platform's own work. The reason is for the reader and for grep."""
        if not reason:
            raise ValueError("A scope over every tenant needs a reason.")
        return cls(frozenset(), user_id=user_id, every_tenant_because=reason)

    @property
    def is_every_tenant(self) -> bool:
        """True when no tenant is excluded."""
        return bool(self.every_tenant_because)

    def __contains__(self, tenant_id: object) -> bool:
        return self.is_every_tenant or tenant_id in self.tenants

    def condition(self, column: str) -> models.Q:
        """What a row must fulfil to be in this scope. `column` holds the tenant's id."""
        if self.is_every_tenant:
            return models.Q()
        if len(self.tenants) <= MAX_TENANTS_IN_LIST or self.user_id is None:
            return models.Q(**{f"{column}__in": sorted(self.tenants)})
        memberships: Any = apps.get_model("tenants", "Membership")
        return models.Q(**{f"{column}__in": memberships._default_manager.of_user(self.user_id).values("tenant_id")})


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current_scope() -> Scope:
    """The scope of this request or run. Raises UnscopedError when there is none: no scope is not an empty scope."""
    scope = _current.get()
    if scope is None:
        raise UnscopedError(
            "No tenant scope: enter `tenancy.entered(scope)` first (requests get theirs by middleware)."
        )
    return scope


def scope_of_statement() -> Scope:
    """What the database is told with a statement: the current scope, and nothing at all where there is none."""
    return _current.get() or Scope.nothing()


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Do something within `scope`; the scope before is back afterwards."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


class TenantQuerySet(models.QuerySet[Row_co]):
    """The first words of every sentence about a tenant's rows."""

    def for_tenant(self, tenant_id: UUID) -> Self:
        """Only the rows of this one tenant (still within the scope)."""
        return self.filter(tenant_id=tenant_id)

    def for_tenants(self, tenants: Collection[UUID] | None) -> Self:
        """Only the rows of these tenants; `None` is all in scope, and no tenant is no row."""
        return self if tenants is None else self.filter(tenant_id__in=sorted(tenants))

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """As Django's, but every object must belong to a tenant in scope."""
        rows = list(objs)
        require_in_scope(row.tenant_id for row in rows)
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        """As Django's, but no row may be given to a tenant outside the scope."""
        rows = list(objs)
        require_in_scope(row.tenant_id for row in rows)
        return super().bulk_update(rows, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """As Django's, but no row may be given to a tenant outside the scope."""
        if "tenant" in kwargs:
            require_in_scope([getattr(kwargs["tenant"], "pk", kwargs["tenant"])])
        if "tenant_id" in kwargs:
            require_in_scope([kwargs["tenant_id"]])
        return super().update(**kwargs)


class AcrossTenants(models.QuerySet[Row_co]):
    """A queryset that is sent in the scope of every tenant, wherever it is evaluated: the database filters too.

    Only the queryset itself is: as a subquery of another one it sees what that one sees.
    """

    def __iter__(self) -> Iterator[Row_co]:
        with entered(EVERY_TENANT):
            return super().__iter__()

    def __len__(self) -> int:
        with entered(EVERY_TENANT):
            return super().__len__()

    def __bool__(self) -> bool:
        with entered(EVERY_TENANT):
            return super().__bool__()

    def __getitem__(self, place: Any) -> Any:
        with entered(EVERY_TENANT):
            return super().__getitem__(place)

    def iterator(self, *args: Any, **kwargs: Any) -> Iterator[Row_co]:
        """As Django's, over every tenant; between two rows the caller is back in their own scope."""
        rows = super().iterator(*args, **kwargs)
        while True:
            with entered(EVERY_TENANT):
                try:
                    row = next(rows)
                except StopIteration:
                    return
            yield row

    def count(self) -> int:
        """As Django's, of every tenant."""
        with entered(EVERY_TENANT):
            return super().count()

    def exists(self) -> bool:
        """As Django's, in any tenant."""
        with entered(EVERY_TENANT):
            return super().exists()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Django's, over every tenant."""
        with entered(EVERY_TENANT):
            return super().aggregate(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        """As Django's, in every tenant; to give rows to a tenant takes a scope that holds it."""
        if {"tenant", "tenant_id"} & set(kwargs):
            return super().update(**kwargs)
        with entered(EVERY_TENANT):
            return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's, in every tenant."""
        with entered(EVERY_TENANT):
            return super().delete()


EVERY_TENANT = Scope.every_tenant(reason="A query across tenants, which gives its own reason.")


@cache
def _across(rows: type[models.QuerySet[Any]]) -> type[models.QuerySet[Any]]:
    return type(f"{rows.__name__}AcrossTenants", (AcrossTenants, rows), {})


def across_tenants(rows: models.QuerySet[Any], *, reason: str) -> Any:
    """All rows of the model of `rows`, in the words of its queryset class, whatever the scope."""
    Scope.every_tenant(reason=reason)  # refuses to go without one
    return _across(type(rows))(rows.model, using=rows.db)


class TenantManager(models.Manager[Row_co], Generic[Row_co]):
    """Filters every query by the current scope; raises UnscopedError when there is none."""

    tenant_column = "tenant_id"

    def get_queryset(self) -> models.QuerySet[Row_co]:
        """The rows in scope."""
        return super().get_queryset().filter(current_scope().condition(self.tenant_column))

    def across_tenants(self, *, reason: str) -> Any:
        """Rows of every tenant, whatever the scope. Rare, greppable, reviewed."""
        return across_tenants(super().get_queryset(), reason=reason)


def require_in_scope(tenant_ids: Iterable[UUID | None]) -> None:
    """Raise UnscopedError unless every one of these tenants is in the current scope; None only in that of every one."""
    scope = current_scope()
    if foreign := {tenant_id for tenant_id in tenant_ids if tenant_id not in scope}:
        raise UnscopedError(f"{len(foreign)} tenant(s) outside the current scope were to be written.")


class TenantOwned(models.Model):
    """A row that belongs to exactly one tenant."""

    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="+", db_index=False)

    objects: ClassVar[Any] = TenantManager.from_queryset(TenantQuerySet)()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, but only within a scope that holds the row's tenant."""
        require_in_scope([self.tenant_id])
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As Django's, but only a row that is in scope as it is stored: Django itself deletes by primary key alone."""
        if not type(self).objects.filter(pk=self.pk).exists():
            raise UnscopedError("A row outside the current scope was to be deleted.")
        return super().delete(*args, **kwargs)


class TenantOrPlatformOwned(models.Model):
    """A row of one tenant, or of the platform itself: without a tenant it is in scope only where every tenant is."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    objects: ClassVar[Any] = TenantManager.from_queryset(TenantQuerySet)()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, but only within a scope that holds the row's tenant."""
        require_in_scope([self.tenant_id])
        super().save(*args, **kwargs)


def tenant_owned_models() -> Sequence[type[models.Model]]:
    """Every concrete model whose rows belong to a tenant, or some of them, for the tests and the policies."""
    return [model for model in apps.get_models() if issubclass(model, TenantOwned | TenantOrPlatformOwned)]
