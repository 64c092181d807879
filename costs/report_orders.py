"""The cost details reports of one run: ordered ahead, a few at a time, and waited for together.

Azure makes a report within a minute or more, and several at once. So the reports of the next slices are ordered before
their turn comes; while one is waited for, all of them are. One whose turn never comes is lost, and ordered by the next
run.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from costs.months import last_of
from costs.rows import SliceKey
from governance import azure_budgets
from governance.azure.cost_calls import CostCalls
from governance.azure.cost_reports import CostReport, OrderedReport, look, order_report
from governance.azure.errors import (
    AccessDeniedError,
    AzureError,
    NotOfferedError,
    SignInFailedError,
    ThrottledError,
    UnavailableError,
)

MOST_IN_THE_MAKING = 8  # of one tenant; with those that are ready and wait for their turn
LONGEST_REPORT_SECONDS = 600.0  # a report that takes longer is asked for again by the next run
LONGEST_SILENCE_SECONDS = 60.0  # of a run that waits
SHORTEST_WAIT_SECONDS = 1.0  # between two looks


@dataclass(slots=True)
class _Order:
    """`answer` is there once Azure has made it, or could not."""

    report: OrderedReport
    ordered_at: float  # seconds since 1970, as the next
    look_at: float
    answer: CostReport | AzureError | None = None


@dataclass(slots=True)
class ReportOrders:
    """`ahead` are the slices in the order of their turns; `wants` says whether one will need a report.

    `beat` is called before the run has been silent for long.
    """

    calls: CostCalls
    today: date
    beat: Callable[[], None]
    wants: Callable[[SliceKey], bool]
    ahead: deque[SliceKey] = field(default_factory=deque)
    orders: dict[SliceKey, _Order] = field(default_factory=dict)
    taken: set[SliceKey] = field(default_factory=set)
    refused: dict[tuple[str, str], AzureError] = field(default_factory=dict)  # by subscription and metric, for good

    def finished(self, key: SliceKey) -> CostReport:
        """The report of this slice, once it is made. Raises what Azure answered instead of it."""
        self.taken.add(key)
        if key not in self.orders:
            if error := self.refused.get((key.subscription_id, key.metric)):
                raise error
            self._order(key)
        try:
            self._order_ahead()
        except ThrottledError:
            if self.orders[key].answer is None:
                raise  # what is made already is given; whoever asks for the next is told
        while (answer := self.orders[key].answer) is None:
            self._look_at_all()
        del self.orders[key]
        if isinstance(answer, AzureError):
            raise answer
        return answer

    def _order_ahead(self) -> None:
        """What goes wrong here is told when it is that slice's turn."""
        while self.ahead and len(self.orders) < MOST_IN_THE_MAKING:
            key = self.ahead.popleft()
            is_known = key in self.taken or key in self.orders
            is_open = not is_known and (key.subscription_id, key.metric) not in self.refused
            if is_open and self.wants(key):
                try:
                    self._order(key)
                except (ThrottledError, SignInFailedError):
                    raise
                except AzureError as error:
                    if (key.subscription_id, key.metric) not in self.refused:
                        self.orders[key] = _Order(OrderedReport(None, 0.0), 0.0, 0.0, error)

    def _order(self, key: SliceKey) -> None:
        until = min(last_of(key.month), self.today)
        try:
            report = order_report(self.calls, key.subscription_id, metric=key.metric, first=key.month, last=until)
        except (NotOfferedError, AccessDeniedError) as error:
            self.refused[key.subscription_id, key.metric] = error
            raise
        now = azure_budgets.now()
        answer = CostReport(()) if report.place is None else None
        self.orders[key] = _Order(report, now, now + report.seconds, answer)

    def _look_at_all(self) -> None:
        """Wait until the first is to be looked at, and look at each whose time has come."""
        making = [order for order in self.orders.values() if order.answer is None]
        self._wait_until(min(order.look_at for order in making))
        for order in making:
            if order.look_at <= azure_budgets.now():
                self._look(order)

    def _look(self, order: _Order) -> None:
        try:
            found = look(self.calls, order.report)
        except (ThrottledError, SignInFailedError):
            raise
        except AzureError as error:
            order.answer = error
            return
        now = azure_budgets.now()
        if isinstance(found, CostReport):
            order.answer = found
        elif now - order.ordered_at > LONGEST_REPORT_SECONDS:
            words = f"The cost details report was not ready after {LONGEST_REPORT_SECONDS:.0f} seconds."
            order.answer = UnavailableError(words)
        else:
            order.report, order.look_at = found, now + max(found.seconds, SHORTEST_WAIT_SECONDS)

    def _wait_until(self, moment: float) -> None:
        self.beat()
        while (seconds := moment - azure_budgets.now()) > 0:
            self.calls.azure.sleep(min(seconds, LONGEST_SILENCE_SECONDS))
            self.beat()
