"""The bulk writes on the engine at hand: all or nothing, in the caller's transaction, within the scope."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import SetAsideRow, SyncRun
from governance import bulk
from governance.keys import new_id
from governance.tenancy import Scope, UnscopedError, entered
from tenants.models import Subscription, Tenant

COLUMNS = ("tenant", "id", "subscription_id", "name", "state", "quota_id", "first_seen_at", "access_lost_at")
HOSTILE = '\'; DROP TABLE x; -- \t\\N \\. "quoted" ünïcode 🙂 %s {} $1'


def row(tenant: Tenant, key: str, **values: Any) -> tuple[Any, ...]:
    """A subscription as a bulk row."""
    columns = {
        "tenant": tenant.id,
        "id": new_id(),
        "subscription_id": key,
        "name": key,
        "state": "Enabled",
        "quota_id": "",
        "first_seen_at": timezone.now(),
        "access_lost_at": None,
    }
    return tuple({**columns, **values}.values())


def test_rows_arrive_as_they_are(contoso: Tenant) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)), transaction.atomic():
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a", name=HOSTILE, first_seen_at=now)])

        stored = Subscription.objects.get()

    assert (stored.name, stored.first_seen_at, stored.access_lost_at) == (HOSTILE, now, None)


def test_an_upsert_changes_what_is_there_and_adds_what_is_not(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic():
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(contoso, "b")])
        kept = Subscription.objects.get(subscription_id="a").id

        changed = [row(contoso, "a", name="new name", state="Disabled"), row(contoso, "c")]
        bulk.upsert(Subscription, COLUMNS, changed, key=("tenant", "subscription_id"), update=("name",))

        found = {one.subscription_id: (one.name, one.state) for one in Subscription.objects.all()}
        assert Subscription.objects.get(subscription_id="a").id == kept
    assert found == {"a": ("new name", "Enabled"), "b": ("b", "Enabled"), "c": ("c", "Enabled")}


def test_nothing_is_half_written(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)):
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(contoso, "a")])

        assert not Subscription.objects.exists()


def test_a_foreign_tenant_is_refused(contoso: Tenant, fabrikam: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic(), pytest.raises(UnscopedError):
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(fabrikam, "b")])


@pytest.mark.django_db(transaction=True)
def test_a_write_outside_a_transaction_is_refused(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)), pytest.raises(transaction.TransactionManagementError):
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a")])


def test_thousands_of_rows_come_back_in_pages_each_once(contoso: Tenant) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)), transaction.atomic():
        run = SyncRun.objects.create(
            tenant=contoso, kind="resources", started_at=now, heartbeat_at=now, host="h", process="1@1"
        )
        rows = [(contoso.id, new_id(), run.id, str(number), "why") for number in range(2500)]
        bulk.insert(SetAsideRow, ("tenant", "id", "run", "azure_id", "reason"), rows)

        pages = list(bulk.pages_by_key(SetAsideRow.objects.filter(run=run), "azure_id", size=1000))

    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert sorted(int(number) for page in pages for (number,) in page) == list(range(2500))
