"""Exchange rates: taken out of a file whole or not at all, and used by their days."""

import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEvent
from audit.verbs import Verb
from costs.exchange import OLDEST_DAYS, converted
from costs.models import ExchangeRate
from costs.rate_files import UnreadableRatesError, read_rates
from costs.spans import Span
from costs.sums import Group
from governance.money import rounded
from governance.tenancy import Scope, entered

HEAD = "day,base,quote,rate,source\n"
FIRST = date(2025, 11, 3)
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put a text into a file."""

    def put(text: str) -> Path:
        path = tmp_path / "rates.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def take(path: Path) -> Any:
    """Run the command; its JSON, and its exit status."""
    out = io.StringIO()
    status = 0
    try:
        call_command("exchange_rates", str(path), "--json", stdout=out)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    return json.loads(out.getvalue()), status


def rates() -> list[tuple[str, str, str, Decimal, str]]:
    rows = ExchangeRate.objects.order_by("day", "base", "quote")
    return [(str(row.day), row.base, row.quote, row.rate, row.source) for row in rows]


# --- the command ---


@pytest.mark.django_db
def test_rates_are_taken_and_taken_again_without_doubling(write: Write) -> None:
    path = write(f"{HEAD}2025-11-03,eur,CHF,0.93,ECB\n2025-11-04,EUR,CHF,0.931234567,ECB\n")

    assert take(path) == ({"rows": 2, "added": 2, "changed": 0, "unchanged": 0}, 0)
    assert take(path) == ({"rows": 2, "added": 0, "changed": 0, "unchanged": 2}, 0)
    assert rates() == [
        ("2025-11-03", "EUR", "CHF", Decimal("0.93"), "ECB"),
        ("2025-11-04", "EUR", "CHF", Decimal("0.931234567"), "ECB"),
    ]


@pytest.mark.django_db
def test_a_rate_that_is_told_anew_is_replaced(write: Write) -> None:
    take(write(f"{HEAD}2025-11-03,EUR,CHF,0.93,ECB\n2025-11-03,EUR,USD,1.1,ECB\n"))

    found, _ = take(write(f"{HEAD}2025-11-03,EUR,CHF,0.94,SNB\n"))

    assert found == {"rows": 1, "added": 0, "changed": 1, "unchanged": 0}
    assert [row[2:] for row in rates()] == [("CHF", Decimal("0.94"), "SNB"), ("USD", Decimal("1.1"), "ECB")]


@pytest.mark.django_db
def test_columns_may_stand_in_any_order_with_others_between_them(write: Write) -> None:
    found, status = take(write("\ufeffSource,Quote,note,Base,Rate,Day\nECB,CHF,x,EUR,0.93,2025-11-03\n"))

    assert (found["added"], status) == (1, 0)


WRONG = {
    "2025-13-01,EUR,CHF,1,ECB": "is not a day",
    "20251103x,EUR,CHF,1,ECB": "is not a day",
    "2025-11-03,EURO,CHF,1,ECB": "base 'EURO'",
    "2025-11-03,EUR,,1,ECB": "quote ''",
    "2025-11-03,EUR,EUR,1,ECB": "same currency",
    '2025-11-03,EUR,CHF,"0,93",ECB': "not a number",
    "2025-11-03,EUR,CHF,0,ECB": "not above zero",
    "2025-11-03,EUR,CHF,-1,ECB": "not above zero",
    "2025-11-03,EUR,CHF,NaN,ECB": "not above zero",
    "2025-11-03,EUR,CHF,Infinity,ECB": "not above zero",
    "2025-11-03,EUR,CHF,0.1234567891,ECB": "more than 9 digits",
    "2025-11-03,EUR,CHF,1000000000,ECB": "more than 9 digits",
    "2025-11-03,EUR,CHF,1,": "who published",
    "2025-11-03,EUR,CHF": "who published",
}


@pytest.mark.django_db
@pytest.mark.parametrize("line", WRONG)
def test_one_wrong_line_keeps_the_whole_file_out(write: Write, line: str) -> None:
    found, status = take(write(f"{HEAD}2025-11-03,EUR,USD,1.1,ECB\n{line}\n"))

    assert status == 1
    assert [text for text in found["refused"] if text.startswith("line 3: ") and WRONG[line] in text], found
    assert rates() == []


@pytest.mark.django_db
def test_every_problem_is_told_at_once(write: Write) -> None:
    tomorrow = timezone.now().date() + timedelta(days=1)
    text = f"{HEAD}x,EUR,CHF,1,E\n{tomorrow},EUR,CHF,1,E\n2025-11-03,EUR,CHF,1,E\n2025-11-03,EUR,CHF,2,E\n"

    found, status = take(write(text))

    assert status == 1
    assert [text.partition(":")[0] for text in found["refused"]] == ["line 2", "line 3", "line 5"]


@pytest.mark.parametrize("text", ["", "day,base,quote,rate\n", HEAD])
def test_a_file_without_columns_or_rows_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRatesError):
        read_rates(io.StringIO(text), today=FIRST)


@pytest.mark.django_db
def test_a_file_that_is_not_there_or_no_text_is_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("exchange_rates", str(tmp_path / "nowhere.csv"))
    path = write("")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("exchange_rates", str(path))


@pytest.mark.django_db
def test_taking_rates_is_in_the_trail_and_taking_the_same_again_is_not(write: Write) -> None:
    path = write(f"{HEAD}2025-11-03,EUR,CHF,0.93,ECB\n")
    take(path)
    take(path)

    with entered(Scope.every_tenant(reason="A test reads the trail.")):
        events = list(AuditEvent.objects.filter(verb=Verb.EXCHANGE_RATES_TAKEN))
    assert [event.tenant_id for event in events] == [None]
    assert events[0].actor_kind == "command"


# --- converting ---


@pytest.fixture
def known(db: None) -> None:
    """A euro in francs on Monday and Wednesday; a franc in dollars, the other way round, on Monday."""
    for day, base, quote, rate in (
        (FIRST, "EUR", "CHF", "0.9"),
        (FIRST + timedelta(days=2), "EUR", "CHF", "0.8"),
        (FIRST, "CHF", "USD", "1.25"),
    ):
        ExchangeRate.objects.create(day=day, base=base, quote=quote, rate=Decimal(rate), source="A bank")


def in_francs(*told: tuple[int, str, str]) -> Any:
    """Amounts of days after the first, each converted for itself: by day, what it is and what stays apart."""
    groups = [Group((), currency, FIRST + timedelta(days=day), Decimal(amount)) for day, currency, amount in told]
    span = Span(FIRST - timedelta(days=5), FIRST + timedelta(days=30))
    return converted(groups, "CHF", span, lambda group: (group.day - FIRST).days if group.day else None)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("day", "rate"), [(0, "0.9"), (1, "0.9"), (2, "0.8"), (3, "0.8"), (2 + OLDEST_DAYS, "0.8")])
def test_the_latest_rate_up_to_a_day_is_used(day: int, rate: str) -> None:
    assert in_francs((day, "EUR", "10")).of(day).amount == 10 * Decimal(rate)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("day", "currency"), [(-1, "EUR"), (3 + OLDEST_DAYS, "EUR"), (0, "GBP")])
def test_without_a_rate_that_is_near_an_amount_stays_apart(day: int, currency: str) -> None:
    found = in_francs((day, currency, "10"), (0, "CHF", "1")).total

    assert (found.amount, dict(found.apart)) == (Decimal(1), {currency: Decimal(10)})


@pytest.mark.usefixtures("known")
def test_a_rate_the_other_way_round_serves_and_says_so() -> None:
    found = in_francs((0, "USD", "10"))

    assert found.total.amount == 8
    assert [(one.base, one.rate.rate, one.rate.is_inverse) for one in found.rates] == [("USD", Decimal("1.25"), True)]


@pytest.mark.usefixtures("known")
def test_each_rate_says_for_which_days_it_was_used() -> None:
    found = in_francs(*((day, "EUR", "1") for day in range(5)))

    used = [(one.rate.rate, (one.first - FIRST).days, (one.last - FIRST).days) for one in found.rates]
    assert used == [(Decimal("0.9"), 0, 1), (Decimal("0.8"), 2, 4)]


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=9), max_size=20))
def test_what_needs_no_rate_is_exact(amounts: list[Decimal]) -> None:
    groups = [Group((), "CHF", FIRST, amount) for amount in amounts]

    found = converted(groups, "CHF", Span(FIRST, FIRST), lambda _: None)

    assert found.total.amount == rounded(sum(amounts, Decimal(0)))
    assert found.rates == ()
