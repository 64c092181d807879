"""The inventory report of a tenant, a group, or all that a person may see.

Of all its tables together at most `PRINTED_ROWS` rows are printed, in the order of the sections; a table that does not
fit any more is attached as CSV and counted in words. Nothing is left out without a word.
"""

from datetime import UTC
from uuid import UUID

from django.utils import timezone

from governance.pdf import PRINTED_ROWS
from governance.portal.report_parts import Ground, InventoryReport
from governance.portal.report_sections import DAYS, SECTIONS, STATE_WORDS
from inventory import summaries
from tenants.freshness import coverage
from tenants.lists import TenantOwnedFilterSet, tenants_asked_for
from tenants.models import Subscription, Tenant

INVENTORY = "inventory"  # the key of this report


class ReportFilter(TenantOwnedFilterSet):
    """A report is narrowed by nothing but tenants."""

    passed_through = frozenset()

    class Meta:
        model = Subscription
        fields: list[str] = []


def tenants_of(asked: ReportFilter) -> list[Tenant]:
    """The tenants of a report."""
    return list(Tenant.objects.all().for_tenants(tenants_asked_for(asked)))


def scope_of(asked: ReportFilter) -> str:
    """What a report is about, in words."""
    tenant, group = asked.form.cleaned_data.get("tenant"), asked.form.cleaned_data.get("group")
    if tenant is not None:
        return str(tenant.name)
    if group is not None:
        return f"the group {group.name}"
    rows = tenants_of(asked)
    return str(rows[0].name) if len(rows) == 1 else f"{len(rows)} tenants"


def build(asked: ReportFilter, *, query: str, made_for: str, owner_id: UUID) -> InventoryReport:
    """The whole report, within the current scope. Its statements do not grow with the rows, but for a page of each."""
    now, tenants = timezone.now(), tenants_asked_for(asked)
    found, estate = coverage("resources", now=now, tenants=tenants), summaries.estate(tenants)
    ground = Ground(
        query=query,
        made_for=made_for,
        tenants=tenants,
        coverage=found,
        estate=estate,
        by_subscription=summaries.by_subscription(tenants),
        activity=summaries.activity(tenants, until=now.astimezone(UTC).date(), days=DAYS),
        rows_left=PRINTED_ROWS,
    )
    sections = tuple(section(ground) for section in SECTIONS)
    return InventoryReport(
        scope=scope_of(asked),
        tenants=tuple(row.tenant for row in found.tenants),
        made_at=now,
        made_for=made_for,
        coverage=found,
        state_words=STATE_WORDS[found.state],
        resources=estate.total,
        sections=sections,
        attachments=tuple(ground.attachments),
    )
