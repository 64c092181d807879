"""The command takes Parquet and compressed CSV into the database, to the last digit of the same rows in CSV."""

import gzip
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from costs.models import CostRecord, CostTag, DailyCost, DailyResourceCost, DailyTagCost
from governance.money import as_text
from tenants.models import Tenant
from tests.costs.cost_files import FOCUS_HEADER, Sums, focus, write
from tests.costs.test_import_costs import REAL, real, run_json, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everywhere")]
COLUMNS = {"actual": "BilledCost", "amortized": "EffectiveCost"}
TYPED = {"BilledCost": "DECIMAL(38, 18)", "EffectiveCost": "DECIMAL(38, 18)", "ChargePeriodStart": "TIMESTAMP"}


def _rows() -> list[dict[str, str]]:
    """Two months of two subscriptions, with more places than are kept, refunds and two currencies."""
    return [
        focus(
            BilledCost=f"{-1 if number % 7 == 0 else 1}{number}.{number:018}",
            EffectiveCost=f"{number}.{number * 7919:018}",
            BillingCurrency="USD" if number % 5 == 0 else "EUR",
            ChargePeriodStart=f"2026-0{8 + number % 2}-{number % 28 + 1:02}T00:00:00Z",
            SubAccountId=f"/subscriptions/00000000-0000-0000-0000-00000000000{number % 2}",
            ResourceId=f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/Größe{number % 9}",
            Tags='{"env": "prod"}' if number % 3 else "",
        )
        for number in range(1, 400)
    ]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """The rows as CSV."""
    return write(tmp_path / "focus.csv", _rows(), FOCUS_HEADER)


def as_parquet(csv: Path, to: Path) -> None:
    """Amounts as decimals and days as timestamps, as the exporter types them; the rest as text."""
    with duckdb.connect() as connection:
        source = connection.read_csv(str(csv), all_varchar=True)
        columns = ", ".join(f'CAST("{name}" AS {TYPED.get(name, "VARCHAR")}) AS "{name}"' for name in source.columns)
        source.project(columns).write_parquet(str(to))


def as_gzip(csv: Path, to: Path) -> None:
    """The same file, compressed."""
    with csv.open("rb") as plain, gzip.open(to, "wb") as packed:
        shutil.copyfileobj(plain, packed)


KINDS = pytest.mark.parametrize(("make", "name"), [(as_parquet, "focus.parquet"), (as_gzip, "focus.csv.gz")])
Make = Callable[[Path, Path], None]


@KINDS
def test_every_kind_of_file_is_stored_to_the_last_digit(
    contoso: Tenant, csv: Path, tmp_path: Path, make: Make, name: str
) -> None:
    path = tmp_path / name
    make(csv, path)

    status, told = run_json(path)

    assert (status, told["rows"], told["taken"], told["dialect"]) == (0, 399, 399, "focus-1.0")
    assert CostRecord.objects.count() == 2 * 399
    assert_exact(csv, told)
    assert sum(row.amount for row in DailyTagCost.objects.all()) == sum(
        row.amount for row in CostRecord.objects.exclude(tag_set="")
    )
    assert CostTag.objects.get().key == "env"


def assert_exact(csv: Path, told: dict[str, dict[str, dict[str, str]]]) -> None:
    """What was told and what is stored are the sums of the rows, computed by csv and Decimal alone."""
    for metric, column in COLUMNS.items():
        sums = Sums(csv, column)
        assert {code: told["totals"][code][metric] for code in sums.exact} == {
            code: as_text(exact) for code, exact in sums.exact.items()
        }
        assert any(Decimal(told["residual"][code][metric]) for code in sums.exact)
        for table in (CostRecord, DailyCost, DailyResourceCost):
            assert stored(table, metric) == sums.kept


@KINDS
def test_the_same_rows_in_another_kind_of_file_are_no_other_rows(
    contoso: Tenant, csv: Path, tmp_path: Path, make: Make, name: str
) -> None:
    run_json(csv)
    path = tmp_path / name
    make(csv, path)

    _, told = run_json(path)

    assert {row["verdict"] for row in told["slices"]} == {"unchanged"}


@real
@KINDS
def test_a_real_file_of_another_kind_is_stored_to_the_last_digit(
    contoso: Tenant, tmp_path: Path, make: Make, name: str
) -> None:
    csv, path = REAL / "focus_1.0_sample_azure.csv", tmp_path / name
    make(csv, path)

    status, _ = run_json(path)

    assert status == 0
    for metric, column in COLUMNS.items():
        assert stored(CostRecord, metric) == stored(DailyCost, metric) == Sums(csv, column).kept
