"""Whose rows an answer shows: gathered while a request is answered, at the few places every view goes through.

An object that was looked up belongs to a tenant; a list was narrowed to a tenant or a group. An answer that named
neither may show everything in scope. `audit.middleware` writes down what was seen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from django.db import models

Narrowing = Callable[[], frozenset[UUID]]


@dataclass(slots=True)
class Sight:
    """What one request has looked at so far."""

    objects: set[UUID] = field(default_factory=set)
    narrowings: dict[str, Narrowing] = field(default_factory=dict)

    def tenants(self) -> frozenset[UUID] | None:
        """The tenants seen; None when nothing narrowed it: all in scope. May ask the database."""
        if self.objects:
            return frozenset(self.objects)
        if not self.narrowings:
            return None
        return frozenset.intersection(*(narrowing() for narrowing in self.narrowings.values()))


_sight: ContextVar[Sight | None] = ContextVar("sight", default=None)


@contextmanager
def watched() -> Iterator[Sight]:
    """Gather what is seen within."""
    sight = Sight()
    token = _sight.set(sight)
    try:
        yield sight
    finally:
        _sight.reset(token)


def saw(row: models.Model) -> None:
    """This row is shown."""
    sight = _sight.get()
    tenant_id = row.pk if row._meta.label == "tenants.Tenant" else getattr(row, "tenant_id", None)
    if sight is not None and tenant_id is not None:
        sight.objects.add(tenant_id)


def narrowed_to(what: str, tenants: Narrowing) -> None:
    """A list is narrowed by this word (`tenant`, `group`) to these tenants."""
    sight = _sight.get()
    if sight is not None:
        sight.narrowings[what] = tenants
