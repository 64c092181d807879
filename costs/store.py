"""Storing a slice: its rows replaced whole, its sums made anew, what moved written down, all in one transaction.

Call it inside the caller's transaction and scope, one slice a transaction: the slice is held until the end, so that two
writers of it follow one another, and so is the tenant's row from the moment its names are looked up (`costs/naming.py`)
or its data version is raised.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import compress
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.models import SyncRun
from costs import restating, rollups
from costs.costed import CostedResources
from costs.credibility import Reading, doubt
from costs.finality import finality, next_month
from costs.models import CostReceipt, CostRecord, CostSlice, DailyCost, Source
from costs.restating import Told
from costs.rows import CostLine, SliceKey
from costs.slices import OneSlice
from costs.tag_sets import TagSets
from governance import bulk
from governance.money import NOTHING, as_text
from tenants.actions import bump_data_version
from tenants.models import Subscription

# What a CostLine holds, in its order; its tags become the key of their set.
COLUMNS = (*list(CostLine.__annotations__)[:-1], "tag_set")
LONGEST_REASON = 1000
NOT_YET = ""  # the content hash of a slice that is being stored for the first time

Batches = Iterable[Sequence[CostLine]]


class StoredOtherwiseError(RuntimeError):
    """The database does not hold what was sent to it. A bug, and nothing was stored."""


class KeptError(Exception):
    """What is held of the slice is to stay, and nothing was written. Its text says why."""


class _DoubtedError(Exception):
    """The reading is not believed; what was written of it is rolled back."""


def replace_slice(  # noqa: PLR0913 - all that is known of a reading, each by its name
    tenant_id: UUID,
    subscription: Subscription,
    key: SliceKey,
    batches: Batches,
    *,
    source: Source,
    source_reason: str = "",
    has_resources: bool,
    read_at: datetime,
    today: date,
    content_hash: str,
    expected_rows: int | None = None,
    control: Mapping[str, Decimal] | None = None,
    residual: Mapping[str, Decimal] | None = None,
    run: SyncRun | None = None,
    keeping: Callable[[CostSlice], str] | None = None,
    as_of: datetime | None = None,
) -> CostReceipt:
    """Make the slice equal to what `batches` give, and return the receipt.

    With the content hash that is stored already nothing is read or written but when it was read (UNCHANGED). A reading
    that is not to be believed (`costs/credibility.py`) changes nothing, but flags the slice (REFUSED). `control` are
    the totals that Azure tells when asked for them alone, {} for none and None where they could not be asked for;
    `residual` is what rounding to nine places lost. `keeping` says why what is held is to stay (KeptError), or "".
    `as_of` is when the content was made, where that was long before it is read; `today` is then that day. Raises
    ValueError for rows that belong elsewhere; whatever `batches` raises goes through, and nothing is stored.
    """
    _require_own(tenant_id, subscription, key)
    receipt = CostReceipt(
        tenant_id=tenant_id,
        subscription=subscription,
        month=key.month,
        metric=key.metric,
        source=source,
        source_reason=source_reason[:LONGEST_REASON],
        expected_rows=expected_rows,
        run=run,
        at=read_at,
    )
    one = OneSlice(tenant_id, subscription.id, key.month, key.metric)
    arrival = _Arrival(one, receipt, today, content_hash, has_resources, control, residual or {}, keeping, as_of)
    with transaction.atomic():  # whoever catches what comes out of it may go on in their transaction
        return arrival.store(batches)


def note_failure(  # noqa: PLR0913 - as above
    tenant_id: UUID,
    subscription: Subscription,
    key: SliceKey,
    *,
    source: Source,
    source_reason: str,
    verdict: CostReceipt.Verdict,
    reason: str,
    at: datetime,
    run: SyncRun | None,
) -> CostReceipt:
    """Write down that a slice could not be read (FAILED) or is not offered (NOT_OFFERED). It stays as it is."""
    _require_own(tenant_id, subscription, key)
    receipt: CostReceipt = CostReceipt.objects.create(
        tenant_id=tenant_id,
        subscription=subscription,
        month=key.month,
        metric=key.metric,
        source=source,
        source_reason=source_reason[:LONGEST_REASON],
        verdict=verdict,
        reason=reason[:LONGEST_REASON],
        run=run,
        at=at,
    )
    return receipt


def _require_own(tenant_id: UUID, subscription: Subscription, key: SliceKey) -> None:
    if subscription.tenant_id != tenant_id or subscription.subscription_id != key.subscription_id:
        raise ValueError(f"Subscription {key.subscription_id} is not the one of this tenant that was given.")
    if key.month.day != 1:
        raise ValueError(f"A slice is named by the first day of its month, not {key.month}.")


@dataclass(slots=True)
class _Arrival:
    """One reading of a slice on its way into the database."""

    one: OneSlice
    receipt: CostReceipt
    today: date
    content_hash: str
    has_resources: bool
    control: Mapping[str, Decimal] | None
    residual: Mapping[str, Decimal]
    keeping: Callable[[CostSlice], str] | None = None
    as_of: datetime | None = None
    rows: int = 0
    through: date | None = None
    totals: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def store(self, batches: Batches) -> CostReceipt:
        """The slice's way through: unchanged, refused or stored."""
        self._conclude(CostReceipt.Verdict.STORED, {})  # the slice and what moved point to it
        held: CostSlice = self.one.held() or self._begun()
        is_new = held.content_hash == NOT_YET
        if not is_new and self.keeping and (why := self.keeping(held)):
            raise KeptError(why)
        before = restating.told(self.one, held)
        if held.content_hash == self.content_hash:
            return self._unchanged(held, before.totals)
        try:
            with transaction.atomic():
                self.write_rows(batches)
                self._require_belief(before.totals)
                self._sum_up(None if is_new else before)
                self._require_exact()
        except _DoubtedError as why:
            return self._refused(held, before.totals, str(why), is_new=is_new)
        return self._stored(held)

    # --- the slice, held until the transaction ends ---

    def _begun(self) -> CostSlice:
        """The slice's row for the first time. Another writer who is at the same holds us here until they are done."""
        row = CostSlice(
            tenant_id=self.one.tenant,
            subscription_id=self.one.subscription,
            month=self.one.month,
            metric=self.one.metric,
            has_resources=self.has_resources,
            source=self.receipt.source,
            receipt=self.receipt,
            row_count=0,
            content_hash=NOT_YET,
            **self._reading(),
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            held: CostSlice | None = self.one.held()
            if held is None:
                raise
            return held
        return row

    def _reading(self) -> dict[str, Any]:
        """What a believed reading says about its slice, whether or not the rows are new."""
        return {
            "finality": finality(self.one.month, self.today),
            "read_at": self.as_of or self.receipt.at,
            "refused_at": None,
            "refusal": "",
        }

    # --- rows ---

    def write_rows(self, batches: Batches) -> None:
        """Replace the rows of the slice; write the sets of tags and the resources that are named for the first time."""
        tags, resources = TagSets(self.one.tenant), CostedResources(self.one.tenant, self.one.subscription)
        self.one.of(CostRecord).delete()
        with bulk.stream(CostRecord, COLUMNS, alike=self.one.alike) as write:
            for lines in filter(None, batches):
                *columns, texts = zip(*lines, strict=True)
                self._count(*columns[:3])
                keys = tags.keys_of(texts)
                resources.note(lines)
                write([*columns, [keys[text] for text in texts]])
        tags.write()
        resources.write()

    def _sum_up(self, before: Told | None) -> None:
        """Write what moved since `before`, then the new sums over the old ones."""
        with rollups.finest_sums(self.one) as finest:
            if before is not None:
                by_resource = before.has_resources and self.has_resources
                restating.note(self.one, before, self.totals, self.receipt, finest, by_resource=by_resource)
            rollups.rewrite(self.one, finest, has_resources=self.has_resources)

    def _count(self, days: Sequence[date], currencies: Sequence[str], amounts: Sequence[Decimal]) -> None:
        """Count and add up. Raises ValueError for a row that does not belong here: a reader's bug, not Azure's."""
        named = set(days)
        if any(not self.one.month <= day < next_month(self.one.month) for day in named):
            raise ValueError(f"A day of another month than {self.one.month:%Y-%m} was to be stored.")
        for currency in set(currencies):
            if not currency or currency != currency.upper():
                raise ValueError("An amount without the code of its currency was to be stored.")
            self.totals[currency] += sum(compress(amounts, map(currency.__eq__, currencies)), NOTHING)
        self.rows += len(amounts)
        self.through = max(named | {self.through or self.one.month})

    # --- judgement ---

    def _require_belief(self, before: Mapping[str, Decimal]) -> None:
        if why := self._doubt(self.rows, self.totals, before):
            raise _DoubtedError(why)

    def _doubt(self, rows: int, totals: Mapping[str, Decimal], before: Mapping[str, Decimal]) -> str:
        return doubt(Reading(rows, totals, before, self.receipt.expected_rows, self.control))

    def _require_exact(self) -> None:
        """What the sums tell is what came, to the last digit: nothing was rounded, cut or doubled on the way."""
        stored = restating.totals(self.one.of(DailyCost))
        if {code: amount for code, amount in stored.items() if amount} != {
            code: amount for code, amount in self.totals.items() if amount
        }:
            raise StoredOtherwiseError(f"{stored} is stored of {dict(self.totals)}.")

    # --- verdicts ---

    def _stored(self, held: CostSlice) -> CostReceipt:
        self._update(
            held,
            source=self.receipt.source,
            has_resources=self.has_resources,
            through=self.through,
            row_count=self.rows,
            content_hash=self.content_hash,
            receipt=self.receipt,
            **self._reading(),
        )
        bump_data_version(self.one.tenant)
        return self._conclude(CostReceipt.Verdict.STORED, self.totals)

    def _unchanged(self, held: CostSlice, totals: Mapping[str, Decimal]) -> CostReceipt:
        if why := self._doubt(held.row_count, totals, totals):
            return self._refused(held, totals, why, is_new=False)  # Azure has moved on, and the delivery has not
        self.rows = held.row_count
        is_shown = held.finality != finality(self.one.month, self.today) or held.refused_at is not None
        is_shown = is_shown or self.as_of not in {None, held.read_at}
        self._update(held, **self._reading())
        if is_shown:
            bump_data_version(self.one.tenant)
        return self._conclude(CostReceipt.Verdict.UNCHANGED, totals)

    def _refused(self, held: CostSlice, stored: Mapping[str, Decimal], why: str, *, is_new: bool) -> CostReceipt:
        if is_new:
            held.delete()  # it stays unknown: it was never read
        else:
            self._update(held, refused_at=self.receipt.at, refusal=why[:LONGEST_REASON])
        bump_data_version(self.one.tenant)
        return self._conclude(CostReceipt.Verdict.REFUSED, stored, why)

    def _update(self, held: CostSlice, **values: Any) -> None:
        CostSlice.objects.filter(id=held.id).update(**values)

    def _conclude(self, verdict: CostReceipt.Verdict, stored: Mapping[str, Decimal], reason: str = "") -> CostReceipt:
        self.receipt.verdict, self.receipt.reason = verdict, reason[:LONGEST_REASON]
        self.receipt.received_rows = self.rows
        came = self.totals if verdict == CostReceipt.Verdict.REFUSED else None
        self.receipt.totals = told_totals(stored, self.control, self.residual, came)
        self.receipt.save()
        return self.receipt


def told_totals(
    stored: Mapping[str, Decimal],
    control: Mapping[str, Decimal] | None,
    residual: Mapping[str, Decimal],
    came: Mapping[str, Decimal] | None = None,
) -> str:
    """The totals of a receipt as canonical JSON: exact decimals as text. `came` is what a refused reading said."""
    found: dict[str, dict[str, str | None]] = {}
    for currency in {*stored, *(control or {}), *residual, *(came or {})}:
        found[currency] = {
            "stored": as_text(stored.get(currency, NOTHING)),
            "control": None if control is None else as_text(control.get(currency, NOTHING)),
            "residual": as_text(residual.get(currency, NOTHING)),
        }
        if came is not None:
            found[currency]["came"] = as_text(came.get(currency, NOTHING))
    return json.dumps(found, sort_keys=True, separators=(",", ":"))
