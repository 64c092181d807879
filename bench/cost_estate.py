"""In a fresh process: tenants with subscriptions, and made-up rows of cost for them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from costs.models import CostReceipt, Metric, Source
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.tenancy import Scope, entered
from tenants.actions import connect_tenant
from tenants.models import Subscription, Tenant

MONTH, TODAY = date(2026, 10, 1), date(2026, 10, 31)
READ_AT = datetime(2026, 10, 31, 2, tzinfo=UTC)
DAYS = 30
BATCH = 5000
METERS = 10  # of a resource a day
SERVICES = [f"Service {number}" for number in range(20)]
REGIONS = ["westeurope", "northeurope", "eastus", "swedencentral"]
GROUPS = 50
TAG_SETS = 200


def connect(name: str) -> Subscription:
    """A tenant with one subscription, which nobody reads."""
    tenant, _ = connect_tenant(name, azure_tenant_id=uuid4(), client_id=uuid4(), secret_ref="env:NO_SECRET")
    with entered(Scope.of(tenant.id)):
        found: Subscription = Subscription.objects.create(
            tenant=tenant, subscription_id=str(uuid4()), name="sub", first_seen_at=timezone.now()
        )
    return found


def subscription_of(name: str) -> Subscription:
    """The subscription of the tenant with this name."""
    with entered(Scope.every_tenant(reason="A bench looks for its tenant.")):
        found: Subscription = Subscription.objects.get(tenant=Tenant.objects.get(name=name))
    return found


def store(subscription: Subscription, batches: Iterable[list[CostLine]], *, content: str) -> CostReceipt:
    """Replace the month of this subscription, in a transaction of its own."""
    key = SliceKey(subscription.subscription_id, MONTH, Metric.ACTUAL)
    with entered(Scope.of(subscription.tenant_id)), transaction.atomic():
        return replace_slice(
            subscription.tenant_id,
            subscription,
            key,
            batches,
            source=Source.EXPORT,
            has_resources=True,
            read_at=READ_AT,
            today=TODAY,
            content_hash=content,
        )


def batches(rows: int, *, seed: int = 0) -> Iterator[list[CostLine]]:
    """This many rows, day by day, resource by resource, ten meters each; another seed gives other amounts."""
    resources = max(rows // DAYS // METERS, 1)
    ids = [_resource(number) for number in range(resources)]
    tags = [_tags(number) for number in range(TAG_SETS)]
    batch: list[CostLine] = []
    for number in range(rows):
        place = number // METERS % resources
        azure_id, key, group = ids[place]
        batch.append(
            CostLine(
                day=MONTH.replace(day=number // METERS // resources % DAYS + 1),
                currency="EUR",
                amount=Decimal(number % 9973 * 1_000_003 + seed).scaleb(-9),
                azure_id=azure_id,
                azure_id_hash=key,
                resource_group=group,
                service=SERVICES[place % len(SERVICES)] if number % METERS < 8 else "Bandwidth",
                meter=f"Meter {number % METERS}",
                region=REGIONS[place % len(REGIONS)],
                charge_type="Usage",
                pricing_model="OnDemand",
                quantity=Decimal(number % 24),
                unit="1 Hour",
                tags=tags[place % TAG_SETS],
            )
        )
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _resource(number: int) -> tuple[str, str, str]:
    group = f"RG-{number % GROUPS}"
    azure_id = (
        f"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/{group}"
        f"/providers/Microsoft.Compute/virtualMachines/vm-{number}"
    )
    return azure_id, hashlib.sha256(azure_id.lower().encode()).hexdigest(), group


def _tags(number: int) -> str:
    found = {"CostCenter": str(number % 40), "Env": ["prod", "test", "dev"][number % 3], "Team": f"team{number % 25}"}
    return json.dumps(found, sort_keys=True, separators=(",", ":"))
