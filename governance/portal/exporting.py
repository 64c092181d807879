"""An export: what was asked for, checked as the page checks it; and writing it, within the scope of whoever asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from governance.batches import pages_in_order
from governance.drf import CoverageSerializer
from governance.exports import Page, Table, Value, Written, write_csv, write_xlsx
from governance.filters import StrictFilterSet
from governance.portal.listings import LISTINGS
from governance.ui.listing import Column, Listing, column_keys
from tenants.freshness import Coverage, coverage
from tenants.lists import tenants_asked_for
from tenants.models import Tenant

FORMATS = ("csv", "xlsx")
STREAMED_ROWS = 5_000  # up to here a file is made while its reader waits; beyond, by a worker
MOST_CHOSEN = 1_000  # rows chosen one by one
NOT_THERE = "Some of the chosen rows are not there any more, or no longer match. Open the list again and choose anew."


class RefusedError(ValueError):
    """What was asked for cannot be exported; `problems` says why, by parameter."""

    def __init__(self, problems: Mapping[str, Sequence[str]]) -> None:
        self.problems = {name: list(found) for name, found in problems.items()}
        super().__init__(" ".join(f"{name}: {' '.join(found)}" for name, found in self.problems.items()))


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows and columns of which list, in which format. Its rows belong to the scope it was asked in."""

    listing: Listing
    asked: StrictFilterSet
    columns: tuple[Column, ...]
    selection: tuple[UUID, ...]
    format: str

    @property
    def rows(self) -> QuerySet[Any]:
        """The rows, without an order."""
        found: QuerySet[Any] = self.asked.qs
        return found.filter(pk__in=self.selection) if self.selection else found

    @property
    def order(self) -> str:
        """The column of the order, "-" before it for downwards."""
        return self.listing.order(self.asked.form.cleaned_data.get("sort"))[0]

    def tenants(self) -> list[Tenant]:
        """Whose rows it can hold: the tenants asked for, or all in scope."""
        return list(Tenant.objects.all().for_tenants(tenants_asked_for(self.asked)))

    def filters(self) -> list[tuple[str, str]]:
        """What narrows it, as label and value."""
        fields = self.asked.form.fields
        return [(str(fields[name].label), value) for name, value in self.asked.data.items() if value and name in fields]


def question(list_key: str, query: str, *, format: str, selection: Sequence[str] = ()) -> Question:  # noqa: A002
    """What was asked for, within the current scope. `query` is the rest of the page's address. Raises RefusedError."""
    listing = LISTINGS.get(list_key)
    if listing is None:
        raise RefusedError({"list": [f"There is no list {list_key[:60]!r}. Known: {', '.join(LISTINGS)}."]})
    if format not in FORMATS:
        raise RefusedError({"format": [f"Give one of {', '.join(FORMATS)}."]})
    parameters = QueryDict(query)
    asked = listing.filterset(parameters, queryset=listing.rows())
    columns = _columns(listing, asked, parameters)
    if not asked.is_valid():
        raise RefusedError(asked.problems())
    return Question(listing, asked, columns, _keys(selection), format)


def write(asked: Question, out: IO[bytes], *, for_whom: str, told: Callable[[int], None] | None = None) -> "Export":
    """Write the file into `out`. `told` hears the number of rows after each page. Raises RefusedError for lost rows."""
    began, before = timezone.now(), Tenant.objects.all().version()
    found = _coverage(asked)
    pages = _pages(asked, found, told or (lambda rows: None))
    expected = asked.rows.count()
    if asked.selection and expected != len(asked.selection):
        raise RefusedError({"ids": [NOT_THERE]})
    if asked.format == "csv":
        written = write_csv(out, [*(column.key for column in asked.columns), *_coverage_titles(found, "csv")], pages)
        return Export(written, found, began)
    titles = [*(column.title for column in asked.columns), *_coverage_titles(found, "xlsx")]
    facts = _Facts(asked, found, for_whom, began, expected, before)
    return Export(write_xlsx(out, asked.listing.title, titles, pages, facts.table), found, began)


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. `found` is None for a list that no sync fills."""

    written: Written
    found: Coverage | None
    began: datetime

    @property
    def coverage(self) -> dict[str, Any] | None:
        """The coverage in the words of the API, to be kept with the file."""
        return None if self.found is None else dict(CoverageSerializer(self.found).data)


def _columns(listing: Listing, asked: StrictFilterSet, parameters: QueryDict) -> tuple[Column, ...]:
    try:
        return listing.chosen(column_keys(parameters.getlist("columns")))
    except KeyError as error:
        known = ", ".join(column.key for column in listing.columns)
        asked.refuse(f"There is no column {str(error.args[0])[:60]!r}. Known: {known}.")
        return ()


def _keys(selection: Sequence[str]) -> tuple[UUID, ...]:
    if len(selection) > MOST_CHOSEN:
        raise RefusedError({"ids": [f"Choose at most {MOST_CHOSEN:,} rows, or none for all that the filters leave."]})
    try:
        return tuple({UUID(str(key)): None for key in selection})
    except ValueError as error:
        raise RefusedError({"ids": [NOT_THERE]}) from error  # as for a row that is not there


def _coverage(asked: Question) -> Coverage | None:
    kind = asked.listing.coverage_kind
    return coverage(kind, now=timezone.now(), tenants=tenants_asked_for(asked.asked)) if kind else None


def _coverage_titles(found: Coverage | None, form: str) -> tuple[str, ...]:
    if found is None:
        return ()
    return ("tenant_coverage", "tenant_complete_as_of") if form == "csv" else ("Coverage of tenant", "Complete as of")


def _pages(asked: Question, found: Coverage | None, told: Callable[[int], None]) -> Iterator[Page]:
    """The rows as values. Each ends with the state of its tenant's data, so that no row is seen without it."""
    known = {} if found is None else {row.tenant_id: (str(row.state), row.complete_as_of) for row in found.tenants}
    readers = [column.value for column in asked.columns]
    count = 0
    for rows in pages_in_order(asked.rows, asked.order):
        asked.listing.complete(rows)
        yield [[*(read(row) for read in readers), *_state_of(row, known)] for row in rows]
        count += len(rows)
        told(count)


def _state_of(row: Any, known: Mapping[UUID, tuple[str, datetime | None]]) -> tuple[Value, ...]:
    if not known:
        return ()
    return known[row.pk if isinstance(row, Tenant) else row.tenant_id]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the sheet About says."""

    asked: Question
    found: Coverage | None
    for_whom: str
    began: datetime
    expected: int
    before: str

    def table(self, written: Written) -> Table:
        """Everything a reader must know before trusting a number of this file."""
        return [*self._what(written), *self._how_complete(), *self._columns()]

    def _what(self, written: Written) -> Iterator[Sequence[Value]]:
        changed = "yes: a sync stored something; a row that moved may be missing or twice"
        yield "Export of", self.asked.listing.title
        yield "Made for", self.for_whom
        yield "Read from", self.began
        yield "Read until", timezone.now()
        yield "All times are", "UTC"
        yield "Data changed meanwhile", changed if Tenant.objects.all().version() != self.before else "no"
        yield "Rows", written.rows
        yield "Rows when it began", self.expected
        yield "Chosen one by one", "yes" if self.asked.selection else "no"
        yield "Sorted by", self.asked.order
        for label, value in self.asked.filters():
            yield f"Filter: {label}", value
        yield "Tenants", ", ".join(tenant.name for tenant in self.asked.tenants())
        if written.replaced:
            yield "Texts with unprintable characters", written.replaced
        if written.cut:
            yield "Texts cut to an Excel cell", written.cut

    def _how_complete(self) -> Iterator[Sequence[Value]]:
        yield ()
        if self.found is None:
            yield "Coverage", "These rows are the platform's own record; no sync fills them."
            return
        yield "Coverage", str(self.found.state), self.found.complete_as_of or "some parts were never read whole"
        yield "Tenant", "State", "Complete as of", "Last run", "Expected", "Received", "Reason"
        for row in self.found.tenants:
            dates = (row.complete_as_of or "never", row.last_run_at or "never")
            yield row.tenant, str(row.state), *dates, row.expected, row.received, row.reason
        if self.found.gaps:
            yield ()
            yield "Not received from", "Subscription", "Source", "Last complete", "Expected", "Received", "Reason"
        for gap in self.found.gaps:
            last = gap.last_complete_at or "never"
            yield gap.tenant, gap.subscription, gap.source, last, gap.expected, gap.received, gap.reason
        if self.found.more_gaps:
            yield (f"and {self.found.more_gaps:,} more gaps",)

    def _columns(self) -> Iterator[Sequence[Value]]:
        yield ()
        yield "Column", "Name in CSV and API"
        for column in self.asked.columns:
            yield column.title, column.key
