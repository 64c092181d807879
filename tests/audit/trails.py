"""Trails for the tests: a tenant, and its events as they are stored."""

from uuid import UUID

from django.utils import timezone

from audit.models import AuditChain, AuditEvent
from audit.trail import PLATFORM
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.models import Tenant


def tenant_named(name: str) -> Tenant:
    """A tenant that nobody reads."""
    with entered(Scope.every_tenant(reason="A test makes a tenant.")):
        tenant = Tenant(name=name, azure_tenant_id=new_id(), client_id=new_id(), secret_ref="env:NONE")
        tenant.connected_at = timezone.now()
        tenant.save()
    return tenant


def events(chain: UUID = PLATFORM) -> list[AuditEvent]:
    """The events of a chain, in order."""
    with entered(Scope.every_tenant(reason="A test looks at the trail.")):
        return list(AuditEvent.objects.filter(chain=chain).order_by("sequence"))


def head(chain: UUID = PLATFORM) -> AuditChain:
    """The head of a chain."""
    with entered(Scope.every_tenant(reason="A test looks at the trail.")):
        found: AuditChain = AuditChain.objects.get(id=chain)
    return found
