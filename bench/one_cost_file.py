"""In a fresh process: a cost file written, or read and stored by the product; the same rows stored without a file."""

import csv
import resource
from pathlib import Path
from typing import Any

from bench import cost_estate
from bench.one_slice import _timed
from costs.files import CostFiles
from costs.models import Metric
from costs.rows import CostLine

HEADER = (
    "\ufeffBillingAccountId",
    *("SubscriptionId", "SubscriptionName", "Date", "MeterCategory", "MeterName", "ResourceLocation", "ResourceId"),
    *("ResourceGroup", "ChargeType", "PricingModel", "Cost", "BillingCurrency", "Quantity", "UnitOfMeasure", "Tags"),
    *("ServiceInfo1", "ServiceInfo2", "AdditionalInfo", "Product", "PartNumber", "MeterId", "ServiceFamily"),
)
UNREAD = ("", "", '{"UsageType":"ComputeHR","VCPUs":2}', "Virtual Machines", "AAA-68652", "2c57ed84-f939", "Compute")


def write(path: str, rows: int, name: str) -> dict[str, Any]:
    """EA cost details with as many rows as the bench of storing has, for the subscription of this tenant."""
    subscription = cost_estate.subscription_of(name).subscription_id
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        out.writerows(_fields(line, subscription) for batch in cost_estate.batches(rows) for line in batch)
    return {}


def _fields(line: CostLine, subscription: str) -> tuple[Any, ...]:
    told = (line.service, line.meter, line.region, line.azure_id, line.resource_group, line.charge_type)
    amount = (line.pricing_model, f"{line.amount:f}0000001", line.currency, line.quantity, line.unit, line.tags[1:-1])
    return ("8611537", subscription, "sub", f"{line.day:%m/%d/%Y}", *told, *amount, *UNREAD)


def stored(name: str, rows: int) -> dict[str, Any]:
    """The rows that are ready, stored as a whole slice."""
    subscription = cost_estate.subscription_of(name)
    ready = list(cost_estate.batches(rows))
    return {"seconds": _timed(lambda: cost_estate.store(subscription, ready, content="1"))}


def read_and_stored(name: str, path: str) -> dict[str, Any]:
    """The file read and its one slice stored: the time, and the peak of memory."""
    subscription = cost_estate.subscription_of(name)

    def work() -> None:
        with CostFiles([Path(path)], metric=Metric.ACTUAL) as files:
            (content,) = files.slices()
            cost_estate.store(subscription, files.lines(content.key), content=content.content_hash)

    seconds = _timed(work)
    return {"seconds": seconds, "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
