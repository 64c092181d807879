"""The audit trail: its events, one of them, the state of its chains and their files, and who looked at a tenant."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit import export
from audit.models import AuditChain, AuditEvent
from audit.standalone import verify_audit
from audit.trail import PLATFORM, Target, record
from audit.verbs import Verb
from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import WhereHeld, requires
from governance.portal.audit_lists import AUDIT, administered, looks_of, rows_for, tenant_name, verb_in_words
from governance.tenancy import Scope, entered
from governance.ui.list_page import ListPage
from tenants.models import Tenant

MOST_CHAINS = 200  # shown on one page, those that moved last
MOST_TENANTS = 1000  # looked through for them, where somebody administers that many
VERIFIER = Path(verify_audit.__file__)
LINES = "application/x-ndjson"
# Where the page of a target is, by its kind.
PAGES = {
    "tenants.tenant": "tenants:tenant",
    "tenants.tenantgroup": "tenants:group",
    "audit.syncrun": "portal:sync-run",
    "inventory.tagrule": "inventory:tag-rule",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of a change, before and after; None where it was not there."""

    name: str
    before: str | None
    after: str | None

    @property
    def is_changed(self) -> bool:
        """Whether the two differ."""
        return self.before != self.after


@require_safe
@requires(WhereHeld(Permission.SEE_AUDIT))
def audit(request: HttpRequest) -> HttpResponse:
    """What was done in the tenants that one administers; platform people see every tenant and the platform."""
    access = access_of(request)
    page = ListPage(request, AUDIT)
    return page.render("portal/audit.html", sees_platform=access.may(Permission.SEE_PLATFORM_AUDIT))


@require_safe
@requires(WhereHeld(Permission.SEE_AUDIT))
def event(request: HttpRequest, event_id: str) -> HttpResponse:
    """One event: who, what, from where, and what changed."""
    row: AuditEvent = get_visible_or_404(rows_for(access_of(request)), event_id)
    told = row.record()
    context = {
        "event": row,
        "verb": verb_in_words(row),
        "tenant_name": tenant_name(row),
        "differences": differences(told["before"], told["after"]),
        "address": _page_of(row),
        "is_whole": row.digest() == row.hash,
    }
    return render(request, "portal/audit_event.html", context)


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    """A change value by value, those that differ first."""
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    found = [Difference(name, _text(old, name), _text(new, name)) for name in names]
    return sorted(found, key=lambda one: not one.is_changed)


def _text(values: dict[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _page_of(row: AuditEvent) -> str:
    """Where the target's own page is; it may be gone by now. "" where it has none."""
    name = PAGES.get(row.target_type)
    return reverse(name, args=[row.target_id]) if name and row.target_id else ""


@require_safe
@requires(WhereHeld(Permission.SEE_AUDIT))
def chains(request: HttpRequest) -> HttpResponse:
    """How each chain stands: how long it is, until where it is anchored, when it was verified; and its files."""
    access = access_of(request)
    rows = AuditChain.objects.select_related("tenant").order_by("-moved_at", "id")
    if not access.may(Permission.SEE_PLATFORM_AUDIT):
        rows = rows.filter(tenant_id__in=administered(access)[:MOST_TENANTS])
    context = {"chains": list(rows[:MOST_CHAINS]), "more": max(0, rows.count() - MOST_CHAINS), "platform": PLATFORM}
    return render(request, "portal/audit_chains.html", context)


@require_safe
@requires(WhereHeld(Permission.SEE_AUDIT))
def trail(request: HttpRequest, chain_id: str) -> StreamingHttpResponse:
    """The whole chain as lines, for the stand-alone verifier."""
    chain = _visible_chain(request, chain_id)
    _note(chain, "events")
    return _lines(export.trail([chain]), chain, f"audit-{chain}.jsonl")


@require_safe
@requires(WhereHeld(Permission.SEE_AUDIT))
def anchors(request: HttpRequest, chain_id: str) -> StreamingHttpResponse:
    """The anchors of a chain, a line each, as they were written."""
    chain = _visible_chain(request, chain_id)
    _note(chain, "anchors")
    return _lines(export.anchors([chain]), chain, f"anchors-{chain}.jsonl")


@require_safe
@requires(Permission.OWN)
def verifier(request: HttpRequest) -> HttpResponse:
    """The stand-alone verifier: one file, Python alone."""
    answer = HttpResponse(VERIFIER.read_bytes(), content_type="text/x-python; charset=utf-8")
    answer["Content-Disposition"] = _attached(VERIFIER.name)
    return answer


@require_safe
@requires(Permission.SEE_AUDIT)
def looks(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Who looked at a tenant, when, at what. For its admins and the platform's people."""
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.SEE_AUDIT, tenant.id)
    return ListPage(request, looks_of(tenant)).render("portal/looks.html", tenant=tenant)


def _visible_chain(request: HttpRequest, chain_id: str) -> UUID:
    """The chain of a tenant one administers, or the platform's for its people; 404 for any other."""
    if chain_id == str(PLATFORM):
        if not access_of(request).may(Permission.SEE_PLATFORM_AUDIT):
            raise Http404
        return PLATFORM
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), chain_id)
    require(request, Permission.SEE_AUDIT, tenant.id)
    key: UUID = tenant.id
    return key


def _note(chain: UUID, what: str) -> None:
    tenant_id = None if chain == PLATFORM else chain
    record(Verb.TRAIL_EXPORTED, tenant_id=tenant_id, target=Target("chain", str(chain), what))


def _lines(lines: Iterable[bytes], chain: UUID, name: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_within(lines, chain), content_type=LINES)
    answer["Content-Disposition"] = _attached(name)
    return answer


def _within(lines: Iterable[bytes], chain: UUID) -> Iterator[bytes]:
    """The lines, written while the answer leaves: the scope of the request is over by then."""
    found = iter(lines)
    reason = "The lines of one chain are written after the request asked who may see it."
    scope = Scope.every_tenant(reason=reason) if chain == PLATFORM else Scope.of(chain)
    while True:
        with entered(scope):
            line = next(found, None)
        if line is None:
            return
        yield line


def _attached(name: str) -> str:
    return f'attachment; filename="{name}"'
