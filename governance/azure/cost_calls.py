"""The one way in which a question about costs goes out: within the tenant's quotas, in the tenant's turn.

Reference: https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation
Calls without a header ClientType share one bucket with everybody else's of the same tenant; ours have their own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from azure.core.exceptions import DecodeError
from azure.core.rest import HttpRequest

from governance.azure.errors import AccessDeniedError, BadShapeError, ThrottledError
from governance.azure.transport import AzureConnection, raise_for_status, typed_errors

HEADERS = {"ClientType": "Governance"}
COST_REMEDY = "Give the application the role Cost Management Reader on the subscription."
ATTEMPTS = 3  # of a call that is throttled, each after the wait that Azure wished for; or whose answer is no JSON


class Budget(Protocol):
    """Who keeps the tenant's quotas (`governance.azure_budgets`)."""

    def take(self, units: int) -> Any:
        """A ticket for one call of so many units, or the seconds to wait for them as a float."""

    def settle(self, ticket: Any, headers: Mapping[str, str]) -> None:
        """Learn from the headers of the answer."""

    def pause(self, seconds: float) -> None:
        """Nobody asks for so long."""


class CostCalls:
    """Asks one tenant's Azure about costs."""

    def __init__(self, azure: AzureConnection, budget: Budget) -> None:
        self.azure = azure
        self._budget = budget

    def ask(self, call: Callable[[], Any], *, units: int = 0, remedy: str = COST_REMEDY) -> Any:
        """Make one call once the quotas allow it, and learn from its answer. `units` is its price in QPU.

        `remedy` is what to do when Azure denies access. Raises ThrottledError when the wait would be longer than a run
        may sleep; then nothing was asked.
        """
        for attempt in range(ATTEMPTS):
            ticket = self._admission(units)
            try:
                with typed_errors():
                    answer = call()
            except ThrottledError as error:
                self._budget.pause(error.retry_after_seconds)
                if attempt == ATTEMPTS - 1:
                    raise
            except (BadShapeError, ValueError) as error:
                if not _is_unreadable(error):
                    raise
                if attempt == ATTEMPTS - 1:
                    raise BadShapeError("Azure's answer about costs is cut or not JSON.") from error
            except AccessDeniedError as error:
                raise AccessDeniedError(error.message, remedy=remedy) from error
            else:
                self._budget.settle(ticket, answer.headers)
                return answer
        raise AssertionError("unreachable")

    def send(self, method: str, url: str, *, body: Any = None, units: int = 0) -> Any:
        """Send one request of our own; the typed error of a status of 400 or more is raised."""
        request = HttpRequest(method, url, json=body, headers=HEADERS)
        return self.ask(lambda: _checked(self.azure.costs.send_request(request)), units=units)

    def _admission(self, units: int) -> Any:
        """Wait for the tenant's turn."""
        while isinstance(ticket := self._budget.take(units), float):
            self.azure.wait(ticket)
        return ticket


def _is_unreadable(error: Exception) -> bool:
    """An answer that was cut or is HTML, which may be better the next time; the SDK decodes some by itself."""
    return isinstance(error, ValueError) or isinstance(error.__cause__, DecodeError)


def _checked(answer: Any) -> Any:
    raise_for_status(answer)
    return answer


def response_of(pipeline_response: Any, _deserialized: Any, _headers: Any) -> Any:
    """As `cls=` of an SDK call: the raw answer, whose numbers no float has touched."""
    return pipeline_response.http_response
