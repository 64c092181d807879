"""Which tenants a command is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from governance.tenancy import Scope, entered
from tenants.models import Tenant


@contextmanager
def named_tenant(name: str) -> Iterator[Tenant]:
    """Do something with the tenant of this name, within its scope. CommandError when there is none."""
    with entered(Scope.every_tenant(reason="A command names its tenant.")):
        tenant = Tenant.objects.named(name).first()
        known = ", ".join(Tenant.objects.values_list("name", flat=True)[:20])
    if tenant is None:
        raise CommandError(f"There is no tenant {name!r}. Known: {known or 'none yet, see connect_tenant'}.")
    with entered(Scope.of(tenant.id)):
        yield tenant


def every_tenant() -> list[Tenant]:
    """Every tenant there is, whether its syncs run or not."""
    with entered(Scope.every_tenant(reason="A command works through all tenants.")):
        return list(Tenant.objects.order_by("name"))


def connected_tenants() -> list[Tenant]:
    """Every tenant whose syncs run."""
    with entered(Scope.every_tenant(reason="A command works through all connected tenants, one scope each.")):
        return list(Tenant.objects.connected())
