"""The sections of the inventory report, each by one function from the same figures as the pages.

A new one is a function from `Ground` to `Section` and an entry in SECTIONS; the template prints whatever they hold.
"""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from costs.waste import waste_total
from governance.batches import pages_in_order
from governance.exports import Table as Rows
from governance.exports import Value
from governance.portal.exporting import question, write
from governance.portal.orphans import ORPHANS
from governance.portal.report_parts import Ground, Heading, Section, Table
from governance.ui import charts
from governance.ui.cells import money
from governance.ui.listing import Listing
from inventory import summaries
from inventory.lists import RESOURCES
from inventory.models import Resource, ResourceChange
from inventory.tag_lists import VIOLATIONS

DAYS = 30  # whose changes are told
LATEST = 100  # changes that are told one by one
ATTACHED_ROWS = 100_000  # beyond them a table is an export of its own
RESOURCE_COLUMNS = ("name", "type", "resource_group", "region", "subscription", "tenant", "tags")
STATE_WORDS = {
    "complete": "Everything expected was received, recently.",
    "stale": "Everything was received whole, but longer ago than it should be.",
    "partial": "The last reading missed something. What it missed is shown as it was last read.",
    "failed": "The last reading of at least one tenant received nothing. What is shown of it is older.",
    "never": "At least one tenant has not been read yet.",
}


def summary(ground: Ground) -> Section:
    """The estate in a few figures."""
    estate, activity = ground.estate, ground.activity
    figures = (
        ("Resources", estate.total),
        ("Tenants", len(ground.coverage.tenants)),
        ("Subscriptions", len(ground.by_subscription)),
        ("Types", len(estate.by_type)),
        ("Regions", sum(1 for region, _ in estate.by_region if region)),
        (f"Created in {DAYS} days", activity.total("created", DAYS) + activity.total("returned", DAYS)),
        (f"Changed in {DAYS} days", activity.total("changed", DAYS)),
        (f"Deleted in {DAYS} days", activity.total("deleted", DAYS)),
    )
    return Section("summary", "Summary", figures=figures)


def receipt(ground: Ground) -> Section:
    """How complete and fresh the data are, and what is missing."""
    found = ground.coverage
    headings = (
        Heading("Tenant", 20),
        Heading("State", 12),
        Heading("Complete as of (UTC)", 18),
        Heading("Expected", 11, number=True),
        Heading("Received", 11, number=True),
        Heading("Why", 28),
    )
    rows: list[tuple[Value, ...]] = [
        (
            row.tenant,
            str(row.state),
            row.complete_as_of or "never",
            _known(row.expected),
            _known(row.received),
            row.reason,
        )
        for row in found.tenants
    ]
    tables = [ground.table("Coverage by tenant", headings, rows)]
    if found.gaps:
        note = f"and {found.more_gaps:,} more; the page Syncs lists them." if found.more_gaps else ""
        tables.append(ground.table("What was not received", _GAP_HEADINGS, [_gap(gap) for gap in found.gaps], note))
    return Section("coverage", "Coverage receipt", (STATE_WORDS[found.state],), tables=tuple(tables))


def resources_by(ground: Ground) -> Section:
    """What there is, by type, region, subscription and tenant."""
    names = {row.tenant_id: row.tenant for row in ground.coverage.tenants}
    counts: list[tuple[str, list[tuple[str, int]]]] = [
        ("type", list(ground.estate.by_type)),
        ("region", list(ground.estate.by_region)),
        ("subscription", list(ground.by_subscription)),
    ]
    if len(names) > 1:
        counts.append(("tenant", [(names[key], count) for key, count in ground.estate.by_tenant if key in names]))
    bars = tuple(charts.bars(f"By {word}", found, unit="resources") for word, found in counts)
    tables = tuple(
        ground.table(
            f"Resources by {word}", (Heading(word.capitalize(), 80), Heading("Resources", 20, number=True)), rows
        )
        for word, rows in ((word, _largest_first(found)) for word, found in counts)
        if len(rows) > charts.MOST_BARS + 1  # else the chart has them all
    )
    return Section("resources", "What there is", bars=bars, tables=tables)


def changes(ground: Ground) -> Section:
    """What changed, day by day, and the newest changes one by one."""
    activity = ground.activity
    added = [a + b for a, b in zip(activity.counts["created"], activity.counts["returned"], strict=True)]
    series = {"created": added, "changed": activity.counts["changed"], "deleted": activity.counts["deleted"]}
    labels = [f"{day:%d %b}" for day in activity.days]
    total = sum(activity.total(kind, DAYS) for kind in summaries.KINDS)
    since = datetime.combine(activity.days[0], datetime.min.time(), tzinfo=UTC)
    newest = [_change(row) for row in summaries.latest_changes(ground.tenants, LATEST) if row.at >= since]
    rest = f"The newest {len(newest):,} of {total:,}; the list of changes has the others."
    days: list[tuple[Value, ...]] = [
        (day, *(values[place] for values in series.values()))
        for place, day in enumerate(activity.days)
        if any(values[place] for values in series.values())
    ]
    tables = (
        ground.table("Days with changes", _DAY_HEADINGS, days, "On the other days no change was seen."),
        ground.table("Newest changes", _CHANGE_HEADINGS, newest, rest if total > len(newest) else ""),
    )
    return Section(
        "changes",
        f"Changes of the last {DAYS} days",
        (f"{total:,} changes were seen between two readings. What a subscription's first reading found is none.",),
        columns=charts.columns("Changes by day", labels, series, unit="resources"),
        tables=tables if newest else (),
    )


def orphans(ground: Ground) -> Section:
    """What is attached to nothing, since when, and by which rule."""
    widths = {"name": 20, "rule": 32, "since": 12, "waste": 14, "resource_group": 12, "tenant": 10}
    query = "&".join(filter(None, (ground.query, "verdict=unknown")))
    untold = question(ORPHANS.key, query, format="csv").rows.count()
    words = ["Attached to nothing, each with since when, what it cost since, and the words of the rule."]
    if wasted := waste_total(ground.tenants):
        words.append(
            f"So far they wasted {', '.join(money(wasted[key], key) for key in sorted(wasted))} that is known."
        )
    if untold:
        words.append(f"Of {untold:,} more it cannot be told: their properties could not be read.")
    return Section("orphans", "Orphans", tuple(words), tables=(_listed(ground, ORPHANS, widths),))


def tag_violations(ground: Ground) -> Section:
    """Where tags are not what the rules demand."""
    widths = {"resource": 24, "key": 14, "kind": 14, "found": 14, "wanted": 22, "tenant": 12}
    return Section("tags", "Tag violations", tables=(_listed(ground, VIOLATIONS, widths),))


def _listed(ground: Ground, listing: Listing, widths: dict[str, int]) -> Table:
    """A list of the portal as a table: these columns with their widths, in the list's own order."""
    query = "&".join(filter(None, (ground.query, f"columns={','.join(widths)}")))
    asked = question(listing.key, query, format="csv")
    headings = tuple(Heading(column.title, widths[column.key], number=column.number) for column in asked.columns)
    if asked.rows.count() > ground.rows_left:
        out = io.BytesIO()
        made = write(asked, out, for_whom=ground.made_for)
        return ground.attached(listing.title, headings, made.written.rows, out.getvalue())
    rows: list[tuple[Value, ...]] = []
    for page in pages_in_order(asked.rows, asked.order):
        listing.complete(page)
        rows += [tuple(column.value(row) for column in asked.columns) for row in page]
    return ground.table(listing.title, headings, rows)


def every_resource(ground: Ground) -> Section:
    """The whole list: printed, attached, or counted with the way to get it."""
    title, total = "All resources", ground.estate.total
    if total > ATTACHED_ROWS:
        words = f"{total:,} resources are too many for a document. Export the list of resources as CSV or Excel."
        return Section("all", title, (words,))
    if total > ground.rows_left:
        out = io.BytesIO()
        query = "&".join(filter(None, (ground.query, f"columns={','.join(RESOURCE_COLUMNS)}")))
        made = write(question(RESOURCES.key, query, format="csv"), out, for_whom=ground.made_for)
        return Section("all", title, tables=(ground.attached(title, (), made.written.rows, out.getvalue()),))
    rows = Resource.objects.live().for_tenants(ground.tenants).select_related("tenant", "subscription")
    printed = [
        (row.name, row.type, row.location, row.resource_group, row.subscription.name, row.tenant.name)
        for row in rows.defer("properties").order_by("tenant__name", "name", "id")
    ]
    return Section("all", title, tables=(ground.table(title, _RESOURCE_HEADINGS, printed),))


SECTIONS: tuple[Callable[[Ground], Section], ...] = (
    summary,
    receipt,
    resources_by,
    orphans,
    tag_violations,
    changes,
    every_resource,
)

_GAP_HEADINGS = (
    Heading("Tenant", 14),
    Heading("Subscription", 24),
    Heading("Source", 14),
    Heading("Expected", 10, number=True),
    Heading("Received", 10, number=True),
    Heading("Why", 28),
)
_DAY_HEADINGS = (
    Heading("Day (UTC)", 40),
    Heading("Created or returned", 20, number=True),
    Heading("Changed", 20, number=True),
    Heading("Deleted", 20, number=True),
)
_CHANGE_HEADINGS = (
    Heading("Seen (UTC)", 16),
    Heading("What", 11),
    Heading("Resource", 31),
    Heading("Tenant", 14),
    Heading("Fields", 28),
)
_RESOURCE_HEADINGS = (
    Heading("Name", 23),
    Heading("Type", 25),
    Heading("Region", 15),
    Heading("Resource group", 15),
    Heading("Subscription", 13),
    Heading("Tenant", 9),
)


def _largest_first(counts: Rows | Sequence[tuple[str, int]]) -> list[tuple[Any, ...]]:
    return sorted(((label or "(none)", count) for label, count in counts), key=lambda row: (-row[1], row[0]))


def _known(number: int | None) -> Value:
    return "unknown" if number is None else number


def _gap(gap: Any) -> tuple[Value, ...]:
    return gap.tenant, gap.subscription, gap.source, _known(gap.expected), gap.received, gap.reason


def _change(row: ResourceChange) -> tuple[Value, ...]:
    fields = ", ".join(one["field"] for one in row.fields)
    return row.at, row.get_kind_display(), row.resource.name, row.tenant.name, fields
