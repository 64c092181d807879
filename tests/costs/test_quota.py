"""The ledger of what may be asked of Cost Management: on a real Redis, with a clock that the test moves."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from governance import azure_budgets
from governance.azure_budgets import CONSUMED, REMAINING, SLACK_SECONDS, CostBudget, Ticket, remaining
from governance.valkey import free_port
from tests.processes import start_python

CONTOSO, FABRIKAM = "72F988BF-86f1-41af-91ab-2d7cd011db47", "00000000-0000-0000-0000-000000000001"
START = 1_800_000_000.0


class Clock:
    """Seconds since 1970."""

    def __init__(self) -> None:
        self.at = START


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(azure_budgets, "now", lambda: clock.at)
    azure_budgets._here.clear()
    return clock


@pytest.fixture(params=["redis", "this process alone"])
def budget(request: pytest.FixtureRequest, clock: Clock, settings: LazySettings) -> Callable[[str], CostBudget]:
    """The ledgers, wherever they stand."""
    if request.param != "redis":
        settings.CACHES = {**settings.CACHES, "default": settings.CACHES["process"]}
    return CostBudget


def spend(budget: CostBudget, units: int, times: int = 1) -> list[Ticket]:
    """Take units that must be there."""
    found = [budget.take(units) for _ in range(times)]
    assert all(isinstance(ticket, Ticket) for ticket in found), found
    return [ticket for ticket in found if isinstance(ticket, Ticket)]


def test_twelve_units_fit_into_ten_seconds(budget: Callable[[str], CostBudget], clock: Clock) -> None:
    contoso = budget(CONTOSO)
    spend(contoso, 4, times=3)

    assert contoso.take(1) == pytest.approx(10 + SLACK_SECONDS)
    clock.at += 10.01
    spend(contoso, 12)


def test_the_wait_ends_when_enough_of_the_oldest_is_over(budget: Callable[[str], CostBudget], clock: Clock) -> None:
    contoso = budget(CONTOSO)
    spend(contoso, 2)
    clock.at += 4
    spend(contoso, 10)

    assert contoso.take(2) == pytest.approx(6 + SLACK_SECONDS)
    assert contoso.take(3) == pytest.approx(10 + SLACK_SECONDS)


def test_sixty_units_fit_into_a_minute_and_six_hundred_into_an_hour(
    budget: Callable[[str], CostBudget], clock: Clock
) -> None:
    contoso = budget(CONTOSO)
    for _ in range(5):
        spend(contoso, 12)
        clock.at += 10.01

    assert contoso.take(1) == pytest.approx(60 - 50.05 + SLACK_SECONDS)
    for _ in range(45):
        clock.at += 12
        spend(contoso, 12)
    wait = contoso.take(1)
    assert isinstance(wait, float)
    assert wait > 3000  # the hour's are spent


def test_a_question_that_costs_more_than_a_window_has_passes_alone(
    budget: Callable[[str], CostBudget], clock: Clock
) -> None:
    contoso = budget(CONTOSO)
    spend(contoso, 13)

    assert isinstance(contoso.take(1), float)
    clock.at += 10.01
    spend(contoso, 1)


def test_one_tenants_questions_are_not_anothers(budget: Callable[[str], CostBudget], clock: Clock) -> None:
    spend(budget(CONTOSO), 12)
    budget(CONTOSO).pause(500)

    spend(budget(FABRIKAM), 12)
    assert budget(CONTOSO.lower()).take(0) == pytest.approx(500 + SLACK_SECONDS)  # the same tenant in another case


def test_a_pause_holds_for_calls_that_cost_nothing_and_only_grows(
    budget: Callable[[str], CostBudget], clock: Clock
) -> None:
    contoso = budget(CONTOSO)
    contoso.pause(300)
    contoso.pause(20)

    assert contoso.take(0) == pytest.approx(300 + SLACK_SECONDS)
    clock.at += 301
    spend(contoso, 0)


def test_calls_that_cost_nothing_do_not_wait_for_the_quota(budget: Callable[[str], CostBudget], clock: Clock) -> None:
    contoso = budget(CONTOSO)
    spend(contoso, 12)

    spend(contoso, 0)


def test_what_azure_tells_of_others_questions_counts(clock: Clock) -> None:
    contoso = CostBudget(CONTOSO)
    [ticket] = spend(contoso, 1)

    contoso.settle(ticket, {CONSUMED: "1", REMAINING: "QueriesPerHour:599,QueriesPerMin:50,QueriesPer10Sec:2"})

    assert contoso.take(3) == pytest.approx(10 + SLACK_SECONDS)
    spend(contoso, 2)
    clock.at += 10.01
    spend(contoso, 12, times=1)
    clock.at += 10.01
    spend(contoso, 12)  # 10 + 2 + 12 + 12 of the minute's 60
    clock.at += 10.01
    spend(contoso, 12)
    clock.at += 10.01
    spend(contoso, 12)
    assert isinstance(contoso.take(1), float)


def test_what_a_question_cost_is_what_azure_says(clock: Clock) -> None:
    contoso = CostBudget(CONTOSO)
    [ticket] = spend(contoso, 12)

    contoso.settle(ticket, {CONSUMED: "2", REMAINING: "QueriesPerHour:598,QueriesPerMin:58,QueriesPer10Sec:10"})

    spend(contoso, 10)
    assert isinstance(contoso.take(1), float)


def test_an_answer_without_headers_changes_nothing(clock: Clock) -> None:
    contoso = CostBudget(CONTOSO)
    [ticket] = spend(contoso, 11)

    contoso.settle(ticket, {})

    spend(contoso, 1)
    assert isinstance(contoso.take(1), float)


def test_unknown_windows_of_the_header_are_left_out() -> None:
    assert remaining("QueriesPerHour:597,QueriesPerFortnight:3,QueriesPer10Sec:9") == {3600: 597, 10: 9}
    assert remaining("nonsense") == {}


PROCESS = f"""
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
django.setup()
from governance.azure_budgets import CostBudget, Ticket
print(sum(isinstance(CostBudget("{CONTOSO}").take(1), Ticket) for _ in range(12)))
"""


def test_workers_in_several_processes_share_one_ledger() -> None:
    workers = [start_python("-c", PROCESS, LOG_LEVEL="CRITICAL", AZURE_COST_QUOTAS="12/3600") for _ in range(3)]

    taken = [int(worker.communicate(timeout=60)[0]) for worker in workers]

    assert sum(taken) == 12, taken


def test_without_redis_each_process_keeps_its_own() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"

    worker = start_python("-c", PROCESS, LOG_LEVEL="CRITICAL", AZURE_COST_QUOTAS="5/3600", REDIS_URL=nowhere)

    assert int(worker.communicate(timeout=60)[0]) == 5
