"""Reading cost files: every digit, every row, and nothing of a file that is not whole."""

import csv
import gzip
import hashlib
import io
from collections import Counter
from datetime import date
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.files import CostFiles, SliceContent, UnreadableFileError
from costs.rows import CostLine, RefusedRow, SliceKey
from governance.money import rounded
from tests.costs.cost_files import (
    DISK,
    EA_HEADER,
    FOCUS_HEADER,
    SUBSCRIPTION,
    ea,
    focus,
    text_of,
    write,
    write_parquet,
)

SEPTEMBER = date(2026, 9, 1)
KEY = SliceKey(SUBSCRIPTION, SEPTEMBER, "actual")
REPEATED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lines_of(files: CostFiles, key: SliceKey = KEY) -> list[CostLine]:
    """Every line of a slice."""
    return [line for batch in files.lines(key, size=3) for line in batch]


def read(*paths: Path, **how: Any) -> tuple[list[SliceContent], list[CostLine], list[RefusedRow]]:
    """What is in the files: slices, every line, and what was refused."""
    with CostFiles(paths, **how) as files:
        slices = files.slices()
        return slices, [line for content in slices for line in lines_of(files, content.key)], list(files.refused())


def one(tmp_path: Path, **values: str) -> CostLine:
    """The one line of an EA file with one row."""
    _, (line,), _ = read(write(tmp_path / "ea.csv", [ea(**values)]))
    return line


def refusal(tmp_path: Path, row: dict[str, str], header: list[str] = EA_HEADER) -> str:
    """Why the second row of a file is refused, while the first is taken."""
    good = focus() if header is FOCUS_HEADER else ea()
    slices, _, refused = read(write(tmp_path / "costs.csv", [good, row], header))

    assert {content.rows for content in slices} == {1}
    assert [(fault.file, fault.line) for fault in refused] == [("costs.csv", 2)]
    return refused[0].reason


# --- what a row becomes ---


def test_a_row_of_cost_details_becomes_a_line(tmp_path: Path) -> None:
    line = one(
        tmp_path,
        Cost="0.4838709677419368",
        Quantity="0.03225806",
        MeterName="P4 LRS Disk",
        ResourceLocation="EastUS2",
        UnitOfMeasure="1/Month",
        benefitName="Plan",
        Tags='"env": "prod","app": "a"',
    )

    assert line == CostLine(
        day=date(2026, 9, 4),
        currency="EUR",
        amount=Decimal("0.483870968"),
        azure_id=DISK,
        azure_id_hash=hashlib.sha256(DISK.lower().encode()).hexdigest(),
        resource_group="RG-Orders",
        service="Storage",
        meter="P4 LRS Disk",
        region="EastUS2",
        charge_type="Usage",
        pricing_model="OnDemand",
        benefit="Plan",
        quantity=Decimal("0.032258060"),
        unit="1/Month",
        tags='{"app":"a","env":"prod"}',
    )


def test_each_row_of_focus_tells_both_metrics(tmp_path: Path) -> None:
    row = focus(BilledCost="0", EffectiveCost="2.5", PricingCategory="Committed", CommitmentDiscountType="Savings Plan")

    with CostFiles([write(tmp_path / "focus.csv", [row], FOCUS_HEADER)]) as files:
        (actual,), (amortized,) = lines_of(files), lines_of(files, KEY._replace(metric="amortized"))

    assert (actual.amount, amortized.amount) == (Decimal(0), Decimal("2.5"))
    assert actual.pricing_model == "SavingsPlan"
    assert actual._replace(amount=amortized.amount) == amortized


def test_one_metric_of_focus_can_be_asked_for(tmp_path: Path) -> None:
    slices, _, _ = read(write(tmp_path / "focus.csv", [focus()], FOCUS_HEADER), metric="amortized")

    assert [content.key.metric for content in slices] == ["amortized"]


@pytest.mark.parametrize(
    ("kind", "told"), [("Reservation", "UnusedReservation"), ("Savings Plan", "UnusedSavingsPlan")]
)
def test_what_was_unused_of_a_commitment_is_told_in_one_word(tmp_path: Path, kind: str, told: str) -> None:
    row = focus(CommitmentDiscountStatus="Unused", CommitmentDiscountType=kind)

    _, lines, _ = read(write(tmp_path / "focus.csv", [row], FOCUS_HEADER))

    assert {line.charge_type for line in lines} == {told}


def test_rows_without_a_subscription_belong_to_the_billing_account(tmp_path: Path) -> None:
    row = focus(SubAccountId="NULL", SubAccountName="NULL")

    with CostFiles([write(tmp_path / "focus.csv", [row], FOCUS_HEADER)]) as files:
        (account,) = files.subscriptions()

    assert (account.subscription_id, account.name, account.is_account) == (
        "billing-account:8611537",
        "Billing account SunBird",
        True,
    )


def test_an_id_that_is_too_long_is_cut_to_one_that_stays_unique(tmp_path: Path) -> None:
    ids = [f"ocid1.tenancy.oc1..{'a' * 60}{last}" for last in "bc"]
    rows = [focus(SubAccountId=value) for value in ids]

    with CostFiles([write(tmp_path / "focus.csv", rows, FOCUS_HEADER)]) as files:
        found = [row.subscription_id for row in files.subscriptions()]

    assert len(set(found)) == 2
    assert {len(value) for value in found} == {64}


@pytest.mark.parametrize(
    "text",
    [
        "09/04/2026",
        "9/4/2026",
        "9/4/2026 12:00:00 AM",
        "2026-09-04",
        "2026-09-04T00:00:00Z",
        "2026-09-04 23:59:59",
        "2026-09-04T00:00:00.0000000Z",
        "2026-09-05T01:00:00+02:00",
    ],
)
def test_days_are_read_in_every_form_that_azure_writes(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, Date=text).day == date(2026, 9, 4)


def test_the_resource_group_comes_from_the_id_where_no_column_tells_it(tmp_path: Path) -> None:
    assert one(tmp_path, ResourceGroup="").resource_group == "RG-Orders"
    assert one(tmp_path, ResourceGroup="own").resource_group == "own"


@pytest.mark.parametrize("name", ["Straße-İSTANBUL", "ΟΔΟΣ", "K-elvin", "日本", "plain"])
def test_a_resource_is_found_by_the_hash_that_the_inventory_has(tmp_path: Path, name: str) -> None:
    azure_id = f"/subscriptions/S/resourceGroups/G/providers/P/t/{name}"

    line = one(tmp_path, ResourceId=azure_id)

    assert (line.azure_id, line.azure_id_hash) == (azure_id, hashlib.sha256(azure_id.lower().encode()).hexdigest())


# --- which metric ---


@pytest.mark.parametrize(
    ("row", "metric"),
    [
        (ea(ChargeType="UnusedReservation", PricingModel="Reservation"), "amortized"),
        (ea(ChargeType="UnusedSavingsPlan", PricingModel="SavingsPlan"), "amortized"),
        (ea(PricingModel="Reservation", Cost="0.5"), "amortized"),
        (ea(PricingModel="Reservation", Cost="0"), "actual"),
        (ea(ChargeType="Purchase", PricingModel="Reservation"), "actual"),
        (ea(), "actual"),
    ],
)
def test_the_content_tells_the_metric_of_cost_details(tmp_path: Path, row: dict[str, str], metric: str) -> None:
    with CostFiles([write(tmp_path / "ea.csv", [row])]) as files:
        assert files.metrics == (metric,)


def test_content_that_contradicts_itself_has_to_be_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ea.csv", [ea(ChargeType="Purchase", PricingModel="Reservation"), ea(ChargeType="UnusedReservation")]
    )

    with pytest.raises(UnreadableFileError, match="--metric"):
        read(path)

    assert {content.key.metric for content in read(path, metric="amortized")[0]} == {"amortized"}


# --- rows that are not taken ---


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Date": ""}, "It has no Date"),
        ({"Date": "13/09/2026"}, '"13/09/2026" in Date is no day'),
        ({"Date": "2026-02-30"}, "is no day"),
        ({"Date": "01/01/1999"}, "outside 2000 to 2100"),
        ({"Date": "2101-01-01"}, "outside 2000 to 2100"),
        ({"Cost": ""}, "It has no CostInBillingCurrency"),
        ({"Cost": "1,5"}, '"1,5" in CostInBillingCurrency is no number'),
        ({"Cost": "1_000"}, "is no number"),
        ({"Cost": "NaN"}, "is no number"),
        ({"Cost": "Infinity"}, "is no number"),
        ({"Cost": "0." + "1" * 29}, "more places than can be kept"),
        ({"Cost": "1.5e-29"}, "more places than can be kept"),
        ({"Cost": "12345678901." + "1" * 19}, "more places than can be kept"),
        ({"Cost": "1" + "0" * 18}, "is too large"),
        ({"Cost": "1" + "0" * 30}, "is no number that can be kept"),
        ({"BillingCurrency": ""}, "It has no BillingCurrency"),
        ({"BillingCurrency": "EURO"}, '"EURO" in BillingCurrency is no currency'),
        ({"BillingCurrency": "XQZ"}, "is no currency"),
        ({"Quantity": "many"}, '"many" in Quantity is no number'),
        ({"SubscriptionId": "", "BillingAccountId": ""}, "neither a SubscriptionId nor a BillingAccountId"),
    ],
)
def test_a_row_that_cannot_be_taken_is_told_with_file_line_and_reason(
    tmp_path: Path, values: dict[str, str], words: str
) -> None:
    assert words in refusal(tmp_path, ea(**values))


def test_rows_that_are_refused_can_be_had_of_one_subscription(tmp_path: Path) -> None:
    rows = [
        ea(BillingCurrency="XXQ"),
        ea(BillingCurrency="QQX", SubscriptionId="another"),
        ea(SubscriptionId="", BillingAccountId=""),
        ea(SubscriptionId="", Cost="?"),
        ea(),
    ]
    with CostFiles([write(tmp_path / "costs.csv", rows, EA_HEADER)], metric="actual") as files:
        told = [row.reason for row in files.refused(SUBSCRIPTION)]
        counts = files.refused_counts()
        assert len(list(files.refused())) == files.refused_count == 4

    assert len(told) == 1
    assert "XXQ" in told[0]
    assert counts == {SUBSCRIPTION: 1, "another": 1, "": 1, "billing-account:8611537": 1}


def test_a_row_of_focus_needs_both_amounts(tmp_path: Path) -> None:
    assert "EffectiveCost" in refusal(tmp_path, focus(EffectiveCost="NULL"), FOCUS_HEADER)


def test_lines_are_counted_by_rows_even_where_quoted_text_has_several(tmp_path: Path) -> None:
    rows = [ea(Tags='"note": "two\nlines"'), ea(Cost="x"), ea(Tags='"a": "\r\n"'), ea(Cost="y")]

    _, lines, refused = read(write(tmp_path / "ea.csv", rows))

    assert [fault.line for fault in refused] == [2, 4]
    assert [line.tags for line in lines] == ['{"note":"two lines"}', '{"a":"  "}']


# --- files that are not whole ---

WHOLE = text_of([ea(Tags='"a": "b"'), ea(), ea()])
BROKEN = {
    "an empty file": b"",
    "an unterminated quote": WHOLE.encode() + b'x,"never ended',
    "a short row": WHOLE.encode() + b"8611537,Sun\r\n",
    "a long row": WHOLE.encode() + b"," * len(EA_HEADER) + b"\r\n",
    "text after a quote": WHOLE.encode() + b'"a"b,\r\n',
    "no UTF-8": WHOLE.encode() + "Größe".encode("latin-1") + b"\r\n",
    "UTF-16": WHOLE.encode("utf-16"),
    "a ZIP archive": b"PK\x03\x04" + b"x" * 100,
    "a cut gzip": gzip.compress(WHOLE.encode() * 50)[:-40],
    "a gzip that lost its end": gzip.compress(WHOLE.encode())[:-3],
    "a damaged gzip": gzip.compress(WHOLE.encode())[:-8] + b"\0" * 8,
    "another table": b"SKU,Location\nStandard_B2ms,westus\n",
    "a Parquet without its end": b"PAR1" + b"\0" * 500,
}


@pytest.mark.parametrize("fault", BROKEN)
def test_nothing_is_read_of_a_file_that_is_not_whole(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "costs.csv"
    path.write_bytes(BROKEN[fault])

    with pytest.raises(UnreadableFileError, match=r"costs\.csv"):
        read(path)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_cut_anywhere_in_the_last_row_is_seen(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "costs.csv"
    path.write_bytes(text_of([ea(), ea(benefitName="x")]).encode()[: -cut - 3])  # behind the last comma nothing tells

    with pytest.raises(UnreadableFileError):
        read(path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9, 0.99])
def test_a_cut_parquet_is_seen(tmp_path: Path, keep: float) -> None:
    path = write_parquet(tmp_path / "f.parquet", [focus() for _ in range(50)], dict.fromkeys(FOCUS_HEADER, "VARCHAR"))
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * keep)])

    with pytest.raises(UnreadableFileError, match="cut or damaged"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"none\.csv: No such file"):
        read(tmp_path / "none.csv")


def test_parts_of_different_kinds_are_not_mixed(tmp_path: Path) -> None:
    paths = [write(tmp_path / "ea.csv", [ea()]), write(tmp_path / "focus.csv", [focus()], FOCUS_HEADER)]

    with pytest.raises(UnreadableFileError, match="Import them apart"):
        read(*paths)


def test_a_name_is_never_taken_as_a_pattern_or_as_more_files(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "[ab]*'.parquet", [focus()], dict.fromkeys(FOCUS_HEADER, "VARCHAR"))
    write_parquet(tmp_path / "a2.parquet", [focus()], dict.fromkeys(FOCUS_HEADER, "VARCHAR"))

    slices, _, _ = read(path)

    assert {content.rows for content in slices} == {1}


# --- the same content however it is delivered ---


def as_csv(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
    return [write(folder / "f.csv", rows, FOCUS_HEADER)]


def as_unix_csv(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
    return [write(folder / "f.csv", rows, FOCUS_HEADER, line_end="\n")]


def as_gzip(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
    return [write(folder / "f.gz", rows, FOCUS_HEADER).rename(folder / "f.csv")]  # told by content


def as_parts(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
    turned = FOCUS_HEADER[::-1]  # each part has a header, and need not order its columns as the others
    return [write(folder / "1.csv", rows[2:], turned), write(folder / "2.csv", rows[:2], FOCUS_HEADER)]


def as_parquet(codec: str) -> Any:
    types = dict.fromkeys(FOCUS_HEADER, "VARCHAR")
    types |= {"BilledCost": "DECIMAL(38, 18)", "EffectiveCost": "DECIMAL(38, 18)", "ChargePeriodStart": "TIMESTAMP"}

    def deliver(folder: Path, rows: list[dict[str, str]]) -> list[Path]:
        return [write_parquet(folder / "f.parquet", rows, types, codec)]

    return deliver


@pytest.mark.parametrize(
    "deliver", [as_unix_csv, as_gzip, as_parts, as_parquet("snappy"), as_parquet("gzip"), as_parquet("zstd")]
)
def test_content_is_the_same_in_every_delivery(tmp_path: Path, deliver: Any) -> None:
    rows = [
        focus(
            BilledCost=f"{number}.{number:018d}", Tags=f'{{"n": "{number}"}}', ChargePeriodStart="2026-09-04 00:00:00"
        )
        for number in range(7)
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    wanted, lines, _ = read(*as_csv(tmp_path / "a", rows))
    found, others, _ = read(*deliver(tmp_path / "b", rows))

    assert found == wanted
    assert Counter(others) == Counter(lines)


def test_tags_of_parquet_may_be_a_map_and_amounts_doubles(tmp_path: Path) -> None:
    types = {**dict.fromkeys(FOCUS_HEADER, "VARCHAR"), "Tags": "MAP(VARCHAR, VARCHAR)", "BilledCost": "DOUBLE"}
    path = tmp_path / "f.parquet"
    write_parquet(path, [{**focus(BilledCost="0.00000123"), "Tags": {"env": "prod"}}], types)  # type: ignore[dict-item]

    _, lines, _ = read(path, metric="actual")

    assert [(line.amount, line.tags) for line in lines] == [
        (Decimal("0.00000123").quantize(Decimal("1e-9")), '{"env":"prod"}')
    ]


def test_content_differs_by_one_digit_beyond_the_money_type(tmp_path: Path) -> None:
    hashes = set()
    for amount in ("1.5", "1.5000000000001"):
        (content,), _, _ = read(write(tmp_path / "ea.csv", [ea(Cost=amount)]))
        hashes.add(content.content_hash)

    assert len(hashes) == 2


def test_a_row_that_stands_there_twice_counts_twice(tmp_path: Path) -> None:
    (once,), _, _ = read(write(tmp_path / "1.csv", [ea()]))
    (twice,), _, _ = read(write(tmp_path / "2.csv", [ea(), ea()]))

    assert twice.totals == {"EUR": 2 * once.totals["EUR"]}
    assert twice.content_hash != once.content_hash


def test_rows_are_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    rows = [ea(Cost=str(number), SubscriptionId=SUBSCRIPTION if number % 2 else "other") for number in range(40)]

    with CostFiles([write(tmp_path / "1.csv", rows[:20]), write(tmp_path / "2.csv", rows[20:])]) as files:
        assert [line.amount for line in lines_of(files)] == list(range(1, 40, 2))
        assert [line.amount for line in lines_of(files)] == list(range(1, 40, 2))


# --- exact, whatever is written ---

PLAIN = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=28)
SHORT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**17), max_value=10**17, places=9)
HALF = st.integers(-(10**12), 10**12).map(lambda n: (2 * n + 1) * Decimal("5e-10"))  # as far from one as from the other
FORMS = st.sampled_from(["{:f}", "{:e}", "{:+f}", "{:E}"])


@REPEATED
@given(st.lists(st.tuples(st.one_of(PLAIN, SHORT, HALF), FORMS), min_size=1, max_size=30))
def test_amounts_are_exact_and_rounded_as_the_money_type_does(
    tmp_path: Path, amounts: list[tuple[Decimal, str]]
) -> None:
    path = write(tmp_path / "ea.csv", [ea(Cost=form.format(amount)) for amount, form in amounts])

    (content,), lines, refused = read(path)

    assert refused == []
    assert [line.amount for line in lines] == [rounded(amount) for amount, _ in amounts]
    with localcontext(Context(prec=80)):
        exact = sum((amount for amount, _ in amounts), Decimal(0))
        assert content.totals["EUR"] == exact
        assert content.residual["EUR"] == exact - sum((line.amount for line in lines), Decimal(0))


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
WILD = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@REPEATED
@given(st.lists(st.tuples(TEXT, WILD), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_any_text_goes_through_as_it_is(tmp_path: Path, texts: list[tuple[str, str]], line_end: str) -> None:
    rows = [ea(MeterName=name, AdditionalInfo=other) for name, other in texts]
    path = write(tmp_path / "ea.csv", rows, [*EA_HEADER, "AdditionalInfo"], line_end=line_end, quoting=csv.QUOTE_ALL)

    _, lines, refused = read(path)

    assert refused == []
    assert [line.meter.strip() for line in lines] == [name.strip(" ").strip() for name, _ in texts]


@REPEATED
@given(WILD)
def test_control_characters_are_spaces_and_shift_nothing(tmp_path: Path, text: str) -> None:
    (line,) = read(write(tmp_path / "ea.csv", [ea(ResourceId="/x/" + text + "/y", MeterName="meter")]))[1]

    assert line.meter == "meter"
    assert line.azure_id == "/x/" + "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in text) + "/y"


def test_the_reader_of_csv_is_the_one_of_python(tmp_path: Path) -> None:
    text = text_of([ea(MeterName='5" disk, "large"', Tags='"a": "b,c"')])
    assert next(csv.DictReader(io.StringIO(text)))["MeterName"] == '5" disk, "large"'
    (tmp_path / "ea.csv").write_text(text, encoding="utf-8", newline="")

    (line,) = read(tmp_path / "ea.csv")[1]

    assert (line.meter, line.tags) == ('5" disk, "large"', '{"a":"b,c"}')
