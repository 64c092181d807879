"""In a fresh process: a long chain of audit events, and proving it with both verifiers."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.export import trail
from audit.standalone.verify_audit import verify_trail
from audit.trail import Target, gathered, record
from audit.verbs import Verb
from audit.verification import prove
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.models import Tenant

TOGETHER = 1000  # events in one transaction of the bulk path


def connect() -> dict[str, Any]:
    """A tenant that nobody reads."""
    with entered(Scope.every_tenant(reason="A bench makes a tenant.")):
        tenant = Tenant(name="contoso", azure_tenant_id=new_id(), client_id=new_id(), secret_ref="env:NONE")
        tenant.connected_at = timezone.now()
        tenant.save()
    return {"tenant": str(tenant.id)}


def write(events: int) -> dict[str, Any]:
    """Make the chain this much longer, through its one writer."""
    tenant = _tenant()
    with entered(Scope.of(tenant.id)):
        for began in range(0, events, TOGETHER):
            with transaction.atomic(), gathered():
                for number in range(began, min(began + TOGETHER, events)):
                    _record(tenant, number)
        with CaptureQueriesContext(connection) as statements:
            _record(tenant, events)
    asked = [one for one in statements if not one["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
    return {"statements": len(asked)}


def verify() -> dict[str, Any]:
    """Prove the chain as it is stored."""
    tenant = _tenant()
    started = time.process_time()
    events = prove(tenant.id).events
    return {"events": events, "cpu_seconds": time.process_time() - started, "peak_kilobytes": _peak()}


def export(path: str) -> dict[str, Any]:
    """Write the chain into a file."""
    with Path(path).open("wb") as out:
        out.writelines(trail([_tenant().id]))
    return {"peak_kilobytes": _peak()}


def verify_exported(path: str) -> dict[str, Any]:
    """Prove the file as the stand-alone verifier does."""
    started = time.process_time()
    [proof] = verify_trail(_lines(path))
    return {"events": proof.events, "cpu_seconds": time.process_time() - started, "peak_kilobytes": _peak()}


def _lines(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as lines:
        yield from lines


def _record(tenant: Tenant, number: int) -> None:
    after = {"is_required": True, "allowed_values": ["prod", "test"], "number": number}
    target = Target("inventory.tagrule", str(tenant.id), "tag env")
    record(Verb.TAG_RULE_CHANGED, tenant_id=tenant.id, target=target, before={"is_required": False}, after=after)


def _tenant() -> Tenant:
    with entered(Scope.every_tenant(reason="A bench looks for its tenant.")):
        tenant: Tenant = Tenant.objects.get(name="contoso")
    return tenant


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
