"""The page and the list of orphans: what nothing uses, and what each has cost since then."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from costs.spans import finished_until
from costs.standing import State
from costs.waste import Waste, waste, waste_total
from governance.access import Permission
from governance.gate import requires
from governance.ui import cells
from governance.ui.charts import bars
from governance.ui.list_page import ListPage
from governance.ui.listing import Column
from inventory import hygiene_lists
from inventory.hygiene import OrphanSummary, orphan_summary
from inventory.views import filter_choices
from tenants.freshness import coverage_asked_for
from tenants.lists import tenants_asked_for

UNKNOWN = "unknown"
NOT_TOLD = "not told yet"  # an orphan of yesterday: Azure has not told any day of it as a whole
AFTER = "days"  # the column before the waste


def bring_waste(rows: Sequence[Any]) -> None:
    """Tell each of these orphans what it has wasted so far."""
    found = waste(rows, today=timezone.now().astimezone(UTC).date())
    for row in rows:
        row.waste = found[row.pk]


def is_too_young(found: Waste) -> bool:
    """Whether no whole day of it can have been told, so that nothing is not yet known to be nothing."""
    today = timezone.now().astimezone(UTC).date()
    return not found.amounts and found.through is not None and found.since > finished_until(today)


def waste_in_words(row: Any) -> str:
    """The exact amounts, as a file gets them: `12.340000000 EUR`, "at least" before it where a month is not known."""
    found: Waste = row.waste
    if found.state is State.UNKNOWN:
        return UNKNOWN
    if is_too_young(found):
        return NOT_TOLD
    words = ", ".join(f"{amount} {currency}" for currency, amount in sorted(found.amounts.items())) or "0"
    return f"at least {words}" if found.unknown else words


def waste_cell(row: Any) -> SafeString:
    """The amounts by currency; "unknown" where no source told, which is not nothing."""
    found: Waste = row.waste
    if found.state is State.UNKNOWN:
        return format_html('<span class="absent" title="{}">{}</span>', found.reason, UNKNOWN)
    if is_too_young(found):
        return format_html('<span class="absent">{}</span>', NOT_TOLD)
    amounts = [(cells.amount(amount, currency),) for currency, amount in sorted(found.amounts.items())]
    words = format_html_join(SafeString("<br>"), "{}", amounts) if amounts else SafeString("0")
    if found.unknown:
        return format_html('<span class="basis" title="{}">at least</span> {}', found.reason, words)
    return words if not found.reason else format_html('<span title="{}">{}</span>', found.reason, words)


WASTE = Column("waste", "Waste so far", waste_in_words, waste_cell, number=True)
_USUAL = hygiene_lists.ORPHANS.columns
_PLACE = next(number for number, column in enumerate(_USUAL, 1) if column.key == AFTER)
ORPHANS = replace(hygiene_lists.ORPHANS, columns=(*_USUAL[:_PLACE], WASTE, *_USUAL[_PLACE:]), completed=bring_waste)


@require_safe
@requires(Permission.SEE)
def orphans(request: HttpRequest) -> HttpResponse:
    """What nothing uses: by rule, by age, what it wasted, and one by one."""
    page = ListPage(request, ORPHANS)
    tenants = tenants_asked_for(page.asked)
    summary = orphan_summary(tenants, now=timezone.now())
    return page.render(
        "portal/orphans.html",
        choices=filter_choices(),
        coverage=coverage_asked_for(page.asked, "resources"),
        summary=summary,
        wasted=sorted(waste_total(tenants).items()),
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
