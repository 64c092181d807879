"""Import: cost files that somebody gives for a tenant, stored slice by slice, with every row that is not taken and why.

Each slice is replaced whole in a transaction of its own, as the sync does it; one that a sync stored from an export or
a report stays, unless it is said to be replaced. Importing for a tenant says that the subscriptions in the files are
its own: those it does not know are recorded as imported. When a file was exported nobody can tell from it: the
finality of its months is judged by the day that the importer says, else by today, and then the report says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from audit.models import EventOutcome
from audit.trail import record
from audit.verbs import Verb
from costs.files import EXACT, CostFiles, SliceContent
from costs.finality import last_day
from costs.models import CostReceipt, CostSlice, Source
from costs.retention import oldest_kept
from costs.rows import SliceKey
from costs.store import HeldFromBetterError, replace_slice
from governance.money import NOTHING, as_text
from governance.schedules import COST_ROWS_KEPT_MONTHS
from tenants.actions import foreign_subscriptions, record_imported_subscriptions
from tenants.models import Subscription, Tenant

BETTER = (Source.EXPORT, Source.REPORT)
NOT_TAKEN = "Its subscription cannot be taken for this tenant. Check whose file it is."
WOULD_BE_STORED = "would be stored"
KEPT = "kept"  # a sync stored it from a better source while this import ran
GOOD = (CostReceipt.Verdict.STORED, CostReceipt.Verdict.UNCHANGED, WOULD_BE_STORED)
WORDS = {"actual": ("actual", "billed"), "amortized": ("amortized", "effective")}  # cost details' word and FOCUS's
# What both events tell of an import.
ANNOUNCED = ("files", "exported_on", "dialect", "metrics", "rows", "subscriptions_imported")


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
    """What an import did. `totals`: of the rows taken, by currency and metric, exact, each under both its names."""

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
    work = _Import(tenant, files, now, exported_on, is_dry=dry_run, keeping=() if replace else BETTER)
    report = Imported(tenant.name, list(names), files.dialect, list(files.metrics), dry_run, rows=files.rows)
    report.exported_on = None if exported_on is None else exported_on.isoformat()
    work.refuse_foreign()
    work.refuse_better_known()
    work.plan(report)
    if not dry_run:
        _note_beginning(tenant, report, work.contents)
    try:
        work.store(report)
    except BaseException as error:
        if not dry_run:
            _note(tenant, report, EventOutcome.FAILED, f"It ended with {type(error).__name__}.")
        raise
    _sum_up(report, files, work)
    report.notes = [files.metric_reason, *_notes(work)]
    if not dry_run:
        _note(tenant, report, EventOutcome.DONE if report.taken else EventOutcome.FAILED, "")
    return report


@dataclass(slots=True)
class _Import:
    tenant: Tenant
    files: CostFiles
    now: datetime
    exported_on: date | None
    is_dry: bool
    keeping: Sequence[Source]
    contents: list[SliceContent] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)  # the subscriptions of the files, by Azure's id
    kept: dict[SliceKey, Source] = field(default_factory=dict)  # what a sync stored meanwhile

    @property
    def told_on(self) -> date:
        """The day by which it is judged how final the months are."""
        return self.exported_on or self.now.date()

    def refuse_foreign(self) -> None:
        """Rows of other tenants' subscriptions are not taken. A billing account may bill several tenants."""
        named = [row.subscription_id for row in self.files.subscriptions() if not row.is_account]
        for key in foreign_subscriptions(self.tenant, named):
            self.files.refuse(key, NOT_TAKEN)

    def refuse_better_known(self) -> None:
        """What a sync read from an export or a report stays. What it stores from now on, `store` finds."""
        held = CostSlice.objects.for_tenant(self.tenant.id).filter(source__in=self.keeping)
        known = {
            SliceKey(key, month, metric): Source(source)
            for key, month, metric, source in held.values_list(
                "subscription__subscription_id", "month", "metric", "source"
            )
        }
        for content in self.files.slices() if known else ():
            if (source := known.get(content.key)) is not None:
                self.files.refuse(
                    content.key.subscription_id, _kept_words(content.key, source), month=content.key.month
                )

    def plan(self, report: Imported) -> None:
        """What is going to be stored, and which subscriptions the tenant does not know yet."""
        self.contents = self.files.slices()
        self.named = {row.subscription_id: row.name for row in self.files.subscriptions()}
        own = Subscription.objects.for_tenant(self.tenant.id)
        before = set(own.values_list("subscription_id", flat=True))
        report.subscriptions_imported = sorted(set(self.named) - before)

    def store(self, report: Imported) -> None:
        """Each slice in a transaction of its own. A month that is not believed is refused in all its metrics."""
        known = {} if self.is_dry else record_imported_subscriptions(self.tenant, self.named, now=self.now)
        for content in self.contents:
            row = known.get(content.key.subscription_id)
            try:
                verdict = WOULD_BE_STORED if row is None else self._store(row, content)
            except HeldFromBetterError as held:
                self.kept[content.key], verdict = held.source, KEPT
            report.slices.append(_told(content, self.named[content.key.subscription_id], verdict))

    def _store(self, row: Subscription, content: SliceContent) -> str:
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
                keeping=self.keeping,
            )
        return str(receipt.verdict)


def _told(content: SliceContent, name: str, verdict: str) -> ImportedSlice:
    key = content.key
    totals, residual = _texts(content.totals), _texts(content.residual)
    return ImportedSlice(
        key.subscription_id, name, f"{key.month:%Y-%m}", key.metric, content.rows, verdict, totals, residual
    )


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: as_text(amount) for currency, amount in amounts.items()}


def _kept_words(key: SliceKey, source: Source) -> str:
    return (
        f"{key.month:%Y-%m} of this subscription ({key.metric}) was read from a better source: {source.label.lower()}. "
        "Say --replace to have this file instead."
    )


def _sum_up(report: Imported, files: CostFiles, work: _Import) -> None:
    contents = work.contents
    for content, told in zip(contents, report.slices, strict=True):
        if told.verdict not in GOOD:
            why = f"{told.month} of this subscription was not believed; its receipt says why."
            if content.key in work.kept:
                why = _kept_words(content.key, work.kept[content.key])
            files.refuse(told.subscription_id, why, month=content.key.month)
    good = [content for content, told in zip(contents, report.slices, strict=True) if told.verdict in GOOD]
    report.refused = files.refused_count
    report.taken = report.rows - report.refused
    report.columns_unknown = list(files.columns_unknown)
    report.totals = _by_currency((content.key.metric, content.totals) for content in good)
    report.residual = _by_currency((content.key.metric, content.residual) for content in good)


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


def _note(tenant: Tenant, report: Imported, outcome: EventOutcome, reason: str) -> None:
    after = {**_parts(report, (*ANNOUNCED, "taken", "refused", "totals")), "slices": len(report.slices)}
    record(Verb.COSTS_IMPORTED, tenant_id=tenant.id, target=tenant, after=after, outcome=outcome, reason=reason)


def _parts(report: Imported, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(report, name) for name in names}
