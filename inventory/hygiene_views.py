"""The pages of orphans and of changes."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.access import Permission
from governance.gate import requires
from governance.ui.charts import bars
from governance.ui.list_page import ListPage
from inventory.hygiene import OrphanSummary, orphan_summary
from inventory.hygiene_lists import CHANGES, ORPHANS
from inventory.views import filter_choices
from tenants.freshness import coverage_asked_for
from tenants.lists import tenants_asked_for

PATH_EXAMPLES = ("tags", "properties", "sku", "location", "managed_by", "identity", "zones", "kind")


@require_safe
@requires(Permission.SEE)
def orphans(request: HttpRequest) -> HttpResponse:
    """What nothing uses: by rule, by age, and one by one."""
    page = ListPage(request, ORPHANS)
    summary = orphan_summary(tenants_asked_for(page.asked), now=timezone.now())
    return page.render(
        "inventory/orphans.html",
        choices=filter_choices(),
        coverage=coverage_asked_for(page.asked, "resources"),
        summary=summary,
        by_rule=bars(
            "Orphans by rule",
            [(rule.title, rule.orphaned) for rule in summary.rules],
            unit="orphans",
            most=12,
            addresses=_rule_addresses(request, summary),
        ),
        by_age=bars("Orphans by age", summary.ages, unit="orphans", in_order=True),
    )


def _rule_addresses(request: HttpRequest, summary: OrphanSummary) -> dict[str, str]:
    kept = {name: request.GET[name] for name in ("tenant", "group") if request.GET.get(name)}
    return {rule.title: f"?{urlencode({**kept, 'rule': rule.key})}" for rule in summary.rules}


@require_safe
@requires(Permission.SEE)
def changes(request: HttpRequest) -> HttpResponse:
    """What changed over all visible tenants, newest first."""
    page = ListPage(request, CHANGES)
    return page.render(
        "inventory/changes.html",
        choices=filter_choices(),
        coverage=coverage_asked_for(page.asked, "resources"),
        examples=PATH_EXAMPLES,
    )
