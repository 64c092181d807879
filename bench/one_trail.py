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
from audit.models import AuditChain, AuditEvent
from audit.standalone.verify_audit import verify_trail
from audit.trail import Target, _entry, _event, record
from audit.verbs import Verb
from audit.verification import prove
from governance import bulk
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.models import Tenant

TOGETHER = 5000  # events in one transaction of the bulk path
# The tenant first, as the bulk path wants it.
NAMES = [field.name for field in AuditEvent._meta.concrete_fields]
COLUMNS = sorted(NAMES, key=lambda name: name != "tenant")


def connect() -> dict[str, Any]:
    """A tenant that nobody reads."""
    with entered(Scope.every_tenant(reason="A bench makes a tenant.")):
        tenant = Tenant(name="contoso", azure_tenant_id=new_id(), client_id=new_id(), secret_ref="env:NONE")
        tenant.connected_at = timezone.now()
        tenant.save()
        record(Verb.TENANT_CONNECTED, tenant_id=tenant.id, target=tenant)
    return {"tenant": str(tenant.id)}


def write(events: int) -> dict[str, Any]:
    """Make the chain this much longer: set-based, as no product would; and by one event more through its writer."""
    tenant = _tenant()
    with entered(Scope.of(tenant.id)):
        for began in range(0, events, TOGETHER):
            _write_together(tenant, range(began, min(began + TOGETHER, events)))
        with CaptureQueriesContext(connection) as statements:
            record(Verb.TAG_RULE_CHANGED, tenant_id=tenant.id, **_change(tenant, events))
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


@transaction.atomic
def _write_together(tenant: Tenant, numbers: range) -> None:
    """Many events as the writer makes them, inserted by the bulk path."""
    head = AuditChain.objects.get(id=tenant.id)
    rows = []
    for number in numbers:
        entry = _entry(Verb.TAG_RULE_CHANGED, tenant_id=tenant.id, **_change(tenant, number))
        event = _event(entry, head.sequence + 1, head.hash)
        head.sequence, head.hash = event.sequence, event.hash
        rows.append(tuple(getattr(event, f"{name}_id" if name == "tenant" else name) for name in COLUMNS))
    bulk.insert(AuditEvent, COLUMNS, rows)
    head.save()


def _change(tenant: Tenant, number: int) -> dict[str, Any]:
    after = {"is_required": True, "allowed_values": ["prod", "test"], "number": number}
    target = Target("inventory.tagrule", str(tenant.id), "tag env")
    return {"target": target, "before": {"is_required": False}, "after": after}


def _tenant() -> Tenant:
    with entered(Scope.every_tenant(reason="A bench looks for its tenant.")):
        tenant: Tenant = Tenant.objects.get(name="contoso")
    return tenant


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
