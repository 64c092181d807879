"""The exports at a tenant's billing scope in one run: listed once, and each delivery read once for all subscriptions.

Such a delivery tells of subscriptions of other tenants too, and of the billing account itself. Nothing of theirs is
taken, named or counted in any words: what is wrong with its files is told without what they say.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice, repeat
from pathlib import Path

from costs.deliveries import Deliveries, fetched
from costs.files import CostFiles, SliceContent, UnreadableFileError
from costs.rows import RefusedRow, SliceKey
from costs.setbacks import Setbacks
from governance.azure.cost_calls import CostCalls
from governance.azure.cost_exports import DATA_SETS, FOCUS, ExportRun
from governance.azure.cost_scopes import remedy_at
from governance.azure.errors import AzureError, BadShapeError

UNREADABLE = "A file of the delivery cannot be read: it is cut or damaged, or lacks a column. Have it exported again."
MISCOUNTED = "The delivery has not as many rows as it announces."
NAMELESS = "A row names neither a subscription nor a billing account: whose it is cannot be told."


@dataclass(frozen=True, slots=True)
class SharedDelivery:
    """What a delivery tells of the tenant's own subscriptions, by subscription.

    `nameless` rows could not be read far enough to say whose they are; `has_account_rows`: some are of no subscription.
    """

    files: CostFiles
    contents: Mapping[str, Sequence[SliceContent]]
    refused_counts: Mapping[str, int]
    nameless: int
    has_account_rows: bool

    @classmethod
    def of(cls, files: CostFiles, subscriptions: Collection[str]) -> "SharedDelivery":
        """What there is of these subscriptions: a few passes over all rows, whose result is kept."""
        contents: dict[str, list[SliceContent]] = {}
        for row in files.slices():
            if row.key.subscription_id in subscriptions:
                contents.setdefault(row.key.subscription_id, []).append(row)
        counts = files.refused_counts()
        return cls(
            files=files,
            contents=contents,
            refused_counts={name: count for name, count in counts.items() if name in subscriptions},
            nameless=counts.get("", 0),
            has_account_rows=any(row.is_account for row in files.subscriptions()),
        )

    def contents_of(self, key: SliceKey) -> list[SliceContent]:
        """What there is of a slice, and of its other months."""
        return [row for row in self.contents.get(key.subscription_id, ()) if row.key.metric == key.metric]

    def refused(self, subscription_id: str, *, most: int) -> list[RefusedRow]:
        """Rows of the subscription that were not taken, so many of them, and nameless ones without what they say."""
        nameless = repeat(RefusedRow("", 0, NAMELESS), self.nameless)
        return list(islice(chain(self.files.refused(subscription_id), nameless), most))

    def refused_count(self, subscription_id: str) -> int:
        """How many there are."""
        return self.refused_counts.get(subscription_id, 0) + self.nameless


@dataclass(slots=True)
class BillingScope:
    """`scope` is "" where the tenant has none: then nothing is ever asked. `subscriptions` are the tenant's own."""

    calls: CostCalls
    scope: str
    months: set[date] = field(default_factory=set)  # that the run wants of any subscription
    subscriptions: set[str] = field(default_factory=set)
    setbacks: Setbacks = field(default_factory=Setbacks)
    deliveries: Deliveries = field(init=False)
    _folder: Path = field(init=False)
    _opened: ExitStack = field(init=False)
    _read: dict[str, SharedDelivery | AzureError] = field(default_factory=dict)  # by data set

    def __post_init__(self) -> None:
        remedy = remedy_at(self.scope)
        self.deliveries = Deliveries(self.calls, self.scope, self.months, " at the billing scope", remedy)
        if not self.scope:
            self.deliveries.runs, self.deliveries.lack = {}, ""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While one month is read of all subscriptions: its files are on disk until then, and gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="costs-") as folder, ExitStack() as opened:
            self._folder, self._opened = Path(folder), opened
            try:
                yield
            finally:
                self._read.clear()

    def delivery(self, run: ExportRun) -> SharedDelivery:
        """The delivery, downloaded and read when the first subscription asks for it.

        Raises AzureError, to each that asks, when it cannot be had.
        """
        name = run.export.data_set
        if name not in self._read:
            self._read[name] = self._outcome(run)
        found = self._read[name]
        if isinstance(found, SharedDelivery):
            return found
        raise found

    def _outcome(self, run: ExportRun) -> SharedDelivery | AzureError:
        try:
            paths = fetched(self.calls, run, self._folder)
            metric = None if run.export.data_set == FOCUS else DATA_SETS[run.export.data_set][0]
            files = self._opened.enter_context(CostFiles(paths, metric=metric))
        except (BadShapeError, UnreadableFileError):  # whose words tell sizes, names and values
            return BadShapeError(UNREADABLE)
        except AzureError as error:
            return error
        if run.rows is not None and run.rows != files.rows:
            return BadShapeError(MISCOUNTED)
        return SharedDelivery.of(files, self.subscriptions)
