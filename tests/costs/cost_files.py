"""Cost files of tests: small ones of each kind, and the same sums computed another way."""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb

from governance.money import rounded

EA_HEADER = """
BillingAccountId BillingAccountName SubscriptionId SubscriptionName Date MeterCategory MeterName Quantity Cost
BillingCurrency ResourceLocation ResourceId Tags UnitOfMeasure ResourceGroup ReservationName ChargeType PricingModel
benefitName
""".split()  # noqa: SIM905
FOCUS_HEADER = """
BilledCost BillingAccountId BillingAccountName BillingCurrency ChargeCategory ChargePeriodStart CommitmentDiscountId
CommitmentDiscountName CommitmentDiscountStatus CommitmentDiscountType ConsumedQuantity ConsumedUnit EffectiveCost
PricingCategory RegionId ResourceId ServiceName SubAccountId SubAccountName Tags x_ResourceGroupName x_SkuMeterName
""".split()  # noqa: SIM905
SUBSCRIPTION = "1caaa5a3-2b66-438e-8ab4-bce37d518c5d"
DISK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/RG-Orders/providers/Microsoft.Compute/disks/Disk1"


def ea(**values: str) -> dict[str, str]:
    """A row of EA cost details."""
    return {
        "BillingAccountId": "8611537",
        "SubscriptionId": SUBSCRIPTION,
        "SubscriptionName": "Orders",
        "Date": "09/04/2026",
        "MeterCategory": "Storage",
        "Quantity": "1",
        "Cost": "1.5",
        "BillingCurrency": "EUR",
        "ResourceId": DISK,
        "ChargeType": "Usage",
        "PricingModel": "OnDemand",
        **values,
    }


def focus(**values: str) -> dict[str, str]:
    """A row of FOCUS."""
    return {
        "BilledCost": "1.5",
        "EffectiveCost": "1.25",
        "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/8611537",
        "BillingAccountName": "SunBird",
        "BillingCurrency": "EUR",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": "2026-09-04T00:00:00Z",
        "PricingCategory": "Standard",
        "ServiceName": "Storage Accounts",
        "SubAccountId": f"/subscriptions/{SUBSCRIPTION.upper()}",
        "SubAccountName": "Orders",
        **values,
    }


def text_of(
    rows: Iterable[Mapping[str, str]],
    header: Sequence[str] = EA_HEADER,
    *,
    line_end: str = "\r\n",
    quoting: Any = csv.QUOTE_MINIMAL,
) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", quoting=quoting, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write(path: Path, rows: Iterable[Mapping[str, str]], header: Sequence[str] = EA_HEADER, **how: Any) -> Path:
    """A CSV with a byte order mark, as Azure writes it; compressed when its name says so."""
    body = ("\ufeff" + text_of(rows, header, **how)).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def write_parquet(
    path: Path, rows: Sequence[Mapping[str, str]], types: Mapping[str, str], codec: str = "snappy"
) -> Path:
    """A Parquet file whose columns have the types that Azure gives them."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        marks = ", ".join("?" for _ in types)
        for row in rows:
            connection.execute(f"INSERT INTO t VALUES ({marks})", [row.get(name) or None for name in types])
        there = str(path).replace("'", "''")
        connection.execute(f"COPY t TO '{there}' (FORMAT parquet, COMPRESSION {codec})")
    return path


class Sums:
    """Sums of a real file by csv and Decimal alone: exact, and as the money type keeps each row."""

    def __init__(self, path: Path, column: str, *, currency: str = "BillingCurrency") -> None:
        self.exact: dict[str, Decimal] = defaultdict(Decimal)
        self.kept: dict[str, Decimal] = defaultdict(Decimal)
        self.rows = 0
        with path.open(encoding="utf-8-sig", newline="") as file, localcontext(Context(prec=80)):
            for row in csv.DictReader(file):
                self.rows += 1
                self.exact[row[currency]] += Decimal(row[column])
                self.kept[row[currency]] += rounded(Decimal(row[column]))
