"""Who looked at one tenant: from its own chain, and from the platform's what concerned it among others.

A look at every tenant counts from the moment this one was connected. It tells who, when and what, and of other tenants
nothing.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from audit.models import AuditEvent, ConcernedTenant
from audit.verbs import Verb

LOOKS = (
    *(Verb.TENANT_LOOKED_AT, Verb.EVERY_TENANT_LOOKED_AT, Verb.REPORT_VIEWED, Verb.FILE_DOWNLOADED),
    *(Verb.EXPORT_MADE, Verb.FILE_ASKED_FOR, Verb.TRAIL_EXPORTED),
)


def looks_at(tenant_id: UUID, *, since: datetime) -> Any:
    """The events of looking at this tenant. Whoever calls has asked who may know."""
    reason = "Who looked at a tenant is told to its admins, wherever it was written down."
    concerned = ConcernedTenant.objects.across_tenants(reason=reason).filter(tenant_id=tenant_id).values("event_id")
    of_all = Q(tenant=None, verb=Verb.EVERY_TENANT_LOOKED_AT, at__gte=since)
    rows = AuditEvent.objects.across_tenants(reason=reason).filter(verb__in=LOOKS)
    return rows.filter(Q(tenant_id=tenant_id) | of_all | Q(tenant=None, id__in=concerned))


def what_was_seen(event: AuditEvent, tenant_id: UUID) -> str:
    """What somebody saw, in words that name no other tenant."""
    if event.tenant_id == tenant_id:
        return event.target_label
    if event.verb == Verb.EVERY_TENANT_LOOKED_AT:
        return f"{event.target_label} of every tenant"
    return "together with other tenants"


def role_then(event: AuditEvent) -> str:
    """What the person was then, as the event tells; "" where it does not."""
    return str((event.record()["after"] or {}).get("role", ""))
