"""Import: cost files that somebody gives for a tenant, stored slice by slice, with every row that is not taken and why.

Each slice is replaced whole in a transaction of its own, as the sync does it; one that a sync stored from an export or
a report stays, and one that tells of a later day, unless it is said to be replaced. Importing for a tenant says that
the subscriptions in the files are its own: those it does not know are recorded as imported. When a file was exported
nobody can tell from it: the finality of its months is judged by the day that the importer says, else by today, and then
the report says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from audit.models import EventOutcome
from audit.trail import record
from audit.verbs import Verb
from costs.files import EXACT, CostFiles, SliceContent
from costs.finality import last_day
from costs.models import CostReceipt, CostSlice, Source
from costs.precedence import why_held_stays
from costs.retention import oldest_kept
from costs.rows import SliceKey
from costs.store import KeptError, replace_slice
from governance.money import NOTHING, as_text
from governance.schedules import COST_ROWS_KEPT_MONTHS
from tenants.models import Subscription, Tenant
from tenants.subscriptions import foreign_subscriptions, record_imported_subscriptions

NOT_TAKEN = "Its subscription cannot be taken for this tenant. Check whose file it is."
WOULD_BE_STORED = "would be stored"
KEPT = "kept"  # what is held stays
GOOD = (CostReceipt.Verdict.STORED, CostReceipt.Verdict.UNCHANGED, WOULD_BE_STORED)
WORDS = {"actual": ("actual", "billed"), "amortized": ("amortized", "effective")}  # cost details' word and FOCUS's
# What both events tell of an import.
ANNOUNCED = ("files", "exported_on", "dialect", "metrics", "rows", "subscriptions_imported")
TOOK = (*ANNOUNCED, "taken", "refused", "totals")


class ExportedEarlierError(ValueError):
    """The files tell of days after the one on which they are said to have been exported. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class ImportedSlice:
    """What became of one slice. Amounts by currency, exact, as text; `residual` is what rounding lost of `totals`."""

    subscription_id: str
    subscription: str
    month: str
    metric: str
    rows: int
    verdict: str
    totals: dict[str, str]
    residual: dict[str, str]


@dataclass(slots=True)
class Imported:
    """What an import did. `totals`: of the slices taken, by currency and metric, exact, each under both its names.

    A row is taken when one of the metrics it tells is; `slices` tell of each.
    """

    tenant: str
    files: list[str]
    dialect: str
    metrics: list[str]
    dry_run: bool
    exported_on: str | None = None
    rows: int = 0
    taken: int = 0
    refused: int = 0
    columns_unknown: list[str] = field(default_factory=list)
    totals: dict[str, dict[str, str]] = field(default_factory=dict)
    residual: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    subscriptions_imported: list[str] = field(default_factory=list)
    slices: list[ImportedSlice] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Every row was taken, in each metric it tells."""
        return not self.refused and all(row.verdict in GOOD for row in self.slices)


def import_costs(
    tenant: Tenant,
    files: CostFiles,
    names: Sequence[str],
    *,
    now: datetime,
    exported_on: date | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Store what the files tell for the tenant, within its scope; `files.refused()` then has every row not taken.

    `exported_on` is not after today; None where nobody knows. Raises ExportedEarlierError when the files know better.
    Writes an event before the first slice and one at the end, also when it fails between two slices; the first alone is
    left of an import that was killed. Importing the same files again changes nothing.
    """
    _require_possible(exported_on, files)
    work = _Import(tenant, files, now, exported_on, is_dry=dry_run, replaces=replace)
    report = Imported(tenant.name, list(names), files.dialect, list(files.metrics), dry_run, rows=files.rows)
    report.exported_on = None if exported_on is None else exported_on.isoformat()
    work.refuse_foreign()
    work.plan(report)
    if not dry_run:
        _note_beginning(tenant, report, work.contents)
    try:
        work.store(report)
    except BaseException as error:
        if not dry_run:
            _note(tenant, report, ANNOUNCED, EventOutcome.FAILED, f"It ended with {type(error).__name__}.")
        raise
    report.notes = [files.metric_reason, *_notes(work), *_sum_up(report, files, work)]
    if not dry_run:
        _note(tenant, report, TOOK, EventOutcome.DONE if report.taken else EventOutcome.FAILED, "")
    return report


@dataclass(slots=True)
class _Import:
    tenant: Tenant
    files: CostFiles
    now: datetime
    exported_on: date | None
    is_dry: bool
    replaces: bool
    contents: list[SliceContent] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)  # the subscriptions of the files, by Azure's id
    not_taken: dict[SliceKey, str] = field(default_factory=dict)  # why

    @property
    def told_on(self) -> date:
        """The day by which it is judged how final the months are."""
        return self.exported_on or self.now.date()

    def refuse_foreign(self) -> None:
        """Rows of other tenants' subscriptions are not taken. A billing account may bill several tenants."""
        named = [row.subscription_id for row in self.files.subscriptions() if not row.is_account]
        for key in foreign_subscriptions(self.tenant, named):
            self.files.refuse(key, NOT_TAKEN)

    def plan(self, report: Imported) -> None:
        """What is to be stored, and which subscriptions the tenant does not know yet."""
        self.contents = self.files.slices()
        self.named = {row.subscription_id: row.name for row in self.files.subscriptions()}
        own = Subscription.objects.for_tenant(self.tenant.id)
        before = set(own.values_list("subscription_id", flat=True))
        report.subscriptions_imported = sorted(set(self.named) - before)

    def store(self, report: Imported) -> None:
        """Each slice in a transaction of its own."""
        if self.is_dry:
            self._foresee(report)
            return
        known = record_imported_subscriptions(self.tenant, self.named, now=self.now)
        for content in self.contents:
            verdict = self._store(known[content.key.subscription_id], content)
            report.slices.append(_told(content, self.named[content.key.subscription_id], verdict))

    def _foresee(self, report: Imported) -> None:
        rows = CostSlice.objects.for_tenant(self.tenant.id).select_related("subscription")
        held = {SliceKey(row.subscription.subscription_id, row.month, row.metric): row for row in rows}
        for content in self.contents:
            there, verdict = held.get(content.key), WOULD_BE_STORED
            if there and not self.replaces and (why := self._why_held_stays(content, there)):
                self.not_taken[content.key], verdict = _kept_words(content.key, why), KEPT
            report.slices.append(_told(content, self.named[content.key.subscription_id], verdict))

    def _store(self, row: Subscription, content: SliceContent) -> str:
        try:
            with transaction.atomic():
                receipt = replace_slice(
                    self.tenant.id,
                    row,
                    content.key,
                    self.files.lines(content.key),
                    source=Source.IMPORT,
                    source_reason="Imported by hand.",
                    has_resources=self.files.has_resources,
                    read_at=self.now,
                    today=self.told_on,
                    as_of=_midnight(self.exported_on) if self.exported_on else None,
                    content_hash=content.content_hash,
                    expected_rows=content.rows,
                    residual=content.residual,
                    keeping=None if self.replaces else partial(self._why_held_stays, content),
                )
        except KeptError as why:
            self.not_taken[content.key] = _kept_words(content.key, str(why))
            return KEPT
        if receipt.verdict not in GOOD:
            self.not_taken[content.key] = f"{_words(content.key)} was not believed: {receipt.reason}"
        return str(receipt.verdict)

    def _why_held_stays(self, content: SliceContent, held: CostSlice) -> str:
        return why_held_stays(held, content.content_hash, self.exported_on)


def _told(content: SliceContent, name: str, verdict: str) -> ImportedSlice:
    key = content.key
    totals, residual = _texts(content.totals), _texts(content.residual)
    return ImportedSlice(
        key.subscription_id, name, f"{key.month:%Y-%m}", key.metric, content.rows, verdict, totals, residual
    )


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: as_text(amount) for currency, amount in amounts.items()}


def _kept_words(key: SliceKey, why: str) -> str:
    return f"{_words(key)} {why}. Say --replace to have what these files tell instead."


def _words(key: SliceKey) -> str:
    return f"{key.month:%Y-%m} of this subscription ({key.metric})"


def _sum_up(report: Imported, files: CostFiles, work: _Import) -> list[str]:
    """Count what was taken, and refuse the rows of which no metric was. Returns words on those of which one was."""
    notes: list[str] = []
    by_month: dict[tuple[str, date], list[SliceKey]] = defaultdict(list)
    for content in work.contents:
        by_month[content.key.subscription_id, content.key.month].append(content.key)
    for (subscription, month), keys in by_month.items():
        reasons = [work.not_taken[key] for key in keys if key in work.not_taken]
        if len(reasons) == len(keys):
            files.refuse(subscription, " ".join(reasons), month=month)
        else:
            notes += [f"{work.named[subscription]}: {reason}" for reason in reasons]
    report.refused = files.refused_count
    report.taken = report.rows - report.refused
    report.columns_unknown = list(files.columns_unknown)
    good = [content for content in work.contents if content.key not in work.not_taken]
    report.totals = _by_currency((content.key.metric, content.totals) for content in good)
    report.residual = _by_currency((content.key.metric, content.residual) for content in good)
    return notes


def _by_currency(amounts: Iterable[tuple[str, Mapping[str, Decimal]]]) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for metric, by_currency in amounts:
        for currency, amount in by_currency.items():
            of_currency = sums.setdefault(currency, {})
            of_currency[metric] = EXACT.add(of_currency.get(metric, NOTHING), amount)
    return {
        currency: {word: as_text(amount) for metric, amount in sums[currency].items() for word in WORDS[metric]}
        for currency in sorted(sums)
    }


def _require_possible(exported_on: date | None, files: CostFiles) -> None:
    newest = max(files.newest_days().values(), default=None)
    if exported_on and newest and newest > exported_on:
        raise ExportedEarlierError(
            f"The files tell of {newest}, and are said to have been exported on {exported_on}: no file tells of a day "
            "after its export. Say the day on which they were made."
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)


def _notes(work: _Import) -> Iterator[str]:
    ended = {month: day for month, day in work.files.newest_days().items() if last_day(month) < work.told_on}
    if ended and work.exported_on is None:
        yield (
            "When the files were exported is not known: how final their months are is judged by today, "
            f"{work.told_on}. If they are older, import them again with --exported-on."
        )
    for month, newest in ended.items():
        if newest < last_day(month):
            yield f"{month:%Y-%m} is over, and the files tell of no day of it after {newest}. They may lack the rest."
    oldest = oldest_kept(work.now.date(), COST_ROWS_KEPT_MONTHS)
    if any(content.key.month < oldest for content in work.contents):
        yield (
            f"Rows of months before {oldest:%Y-%m} are dropped by the next round of the job drop-old-costs; "
            "their sums are kept as long as COST_SUMS_KEPT_MONTHS says."
        )


def _note_beginning(tenant: Tenant, report: Imported, contents: Sequence[SliceContent]) -> None:
    """Committed before the first slice: whatever becomes of this process, the trail knows of the import."""
    after = {**_parts(report, ANNOUNCED), "slices": len(contents)}
    record(Verb.COSTS_IMPORT_BEGUN, tenant_id=tenant.id, target=tenant, after=after)


def _note(tenant: Tenant, report: Imported, told: Iterable[str], outcome: EventOutcome, reason: str) -> None:
    after = {**_parts(report, told), "slices": len(report.slices)}
    record(Verb.COSTS_IMPORTED, tenant_id=tenant.id, target=tenant, after=after, outcome=outcome, reason=reason)


def _parts(report: Imported, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(report, name) for name in names}
