"""The number of queries of a list does not grow with its rows."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import CoverageReceipt, Outcome, ReportFile, ReportFileTenant, SyncRun
from governance.portal import reports
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.authorization import access_for
from tenants.models import Subscription, Tenant, User
from tests.conftest import signed_in

MOST = 16  # of a list, with what stands around it (the tenants and groups of the switcher)
CHOICES = 6  # what the filters offer, kept until a sync stores something
SESSION = 1  # kept too


def queries(browser: Client, path: str) -> tuple[int, int]:
    """How many queries the page asks with a cold cache, and with a warm one."""
    cache.clear()
    return _queries(browser, path), _queries(browser, path)


def _queries(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(path)
    assert answer.status_code == 200
    return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")) for query in asked)


def assert_constant(counts: dict[int, tuple[int, int]]) -> None:
    """The same number whatever the rows, and few."""
    assert len(set(counts.values())) == 1, counts
    ((cold, warm),) = set(counts.values())
    assert warm <= MOST
    assert cold <= warm + CHOICES + SESSION


def add_resources(tenant: Tenant, subscription: Subscription, upto: int) -> None:
    """So many resources in all."""
    now = timezone.now()
    first = Resource.objects.count()
    Resource.objects.bulk_create(
        Resource(
            tenant=tenant,
            subscription=subscription,
            azure_id=f"/subscriptions/x/{number}",
            azure_id_hash=f"{number:064}",
            name=f"vm-{number:04}",
            type=f"microsoft.compute/kind{number % 5}",
            location="westeurope",
            tags={"env": "prod"},
            sku={},
            zones=[],
            identity={},
            properties={},
            first_seen_at=now,
            stored_at=now,
        )
        for number in range(first, upto)
    )


def add_runs(tenant: Tenant, subscription: Subscription, upto: int) -> None:
    """So many finished runs in all, each with one incomplete receipt."""
    for number in range(SyncRun.objects.count(), upto):
        at = timezone.now() + timedelta(seconds=number)
        run = SyncRun.objects.create(
            tenant=tenant,
            kind="resources",
            outcome=Outcome.PARTIAL,
            started_at=at,
            heartbeat_at=at,
            finished_at=at,
            host="h",
            process="1@1",
        )
        CoverageReceipt.objects.create(
            tenant=tenant, run=run, subscription=subscription, source="resource_graph", complete=False, reason="x"
        )


@pytest.fixture
def subscription(contoso: Tenant) -> Subscription:
    """A subscription to hang rows on."""
    with entered(Scope.of(contoso.id)):
        row: Subscription = Subscription.objects.create(
            tenant=contoso, subscription_id="x", name="x", first_seen_at=timezone.now()
        )
    return row


@pytest.mark.parametrize("path", ["/resources/", "/resources/?tenant=contoso&sort=-type", "/api/v1/resources/"])
def test_a_list_of_resources(contoso: Tenant, bob: User, subscription: Subscription, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (2, 20, 1000):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, 1)
            add_resources(contoso, subscription, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts)


@pytest.mark.parametrize("path", ["/", "/?tenant=contoso"])
def test_the_overview(contoso: Tenant, bob: User, subscription: Subscription, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (2, 20, 1000):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, min(rows, 30))
            add_resources(contoso, subscription, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts)


@pytest.mark.parametrize("path", ["/syncs/", "/api/v1/syncs/"])
def test_a_list_of_runs(contoso: Tenant, bob: User, subscription: Subscription, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (1, 5, 30):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts)


@pytest.mark.parametrize("path", ["/syncs/{run}/", "/api/v1/syncs/{run}/"])
def test_one_run(contoso: Tenant, bob: User, subscription: Subscription, path: str) -> None:
    browser = signed_in(bob)
    with entered(Scope.of(contoso.id)):
        add_runs(contoso, subscription, 1)
        run = SyncRun.objects.get()
    counts = {}
    for receipts in (1, 5, 30):
        with entered(Scope.of(contoso.id)):
            for number in range(CoverageReceipt.objects.count(), receipts):
                other = Subscription.objects.create(
                    tenant=contoso, subscription_id=str(number), name="x", first_seen_at=timezone.now()
                )
                CoverageReceipt.objects.create(
                    tenant=contoso, run=run, subscription=other, source="resource_graph", complete=True
                )
        counts[receipts] = queries(browser, path.format(run=run.id))

    assert_constant(counts)


def add_files(tenant: Tenant, owner: User, upto: int) -> None:
    """So many files of this person in all, each of one tenant."""
    now = timezone.now()
    for number in range(ReportFile.objects.count(), upto):
        row = ReportFile.objects.create(
            owner=owner,
            kind="export",
            format="csv",
            subject="resources",
            title=f"{number}",
            created_at=now,
            heartbeat_at=now,
        )
        ReportFileTenant.objects.create(tenant=tenant, file=row)


@pytest.mark.parametrize("path", ["/files/", "/api/v1/exports/"])
def test_a_list_of_files(contoso: Tenant, bob: User, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (1, 5, 30):
        with entered(Scope.of(contoso.id)):
            add_files(contoso, bob, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts)


def test_an_export_asks_as_often_for_few_rows_as_for_many(
    contoso: Tenant, bob: User, subscription: Subscription
) -> None:
    browser, counts = signed_in(bob), set()
    for rows in (2, 20, 1000):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, 1)
            add_resources(contoso, subscription, rows)
        cache.clear()
        with CaptureQueriesContext(connection) as asked:
            answer = browser.post("/exports/", {"list": "resources", "format": "xlsx", "query": ""})
        assert answer.status_code == 200
        list(answer)
        counts.add(len(asked))

    assert len(counts) == 1, counts
    assert counts.pop() <= MOST + SESSION + 4  # once more for the sheet About: the tenants, and whether they changed


@pytest.mark.parametrize("sizes", [(2, 20, 600), (1001, 1500)])  # printed; attached, which is an export inside
def test_a_report_asks_as_often_for_few_rows_as_for_many(
    contoso: Tenant, bob: User, subscription: Subscription, sizes: tuple[int, ...]
) -> None:
    query, counts = "tenant=contoso", set()
    for rows in sizes:
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, 1)
            add_resources(contoso, subscription, rows)
        with entered(access_for(bob).scope), CaptureQueriesContext(connection) as asked:
            report = reports.build(reports.asked_for(QueryDict(query)), query=query, made_for="Bob")
        assert report.resources == rows
        counts.add(len(asked))

    assert len(counts) == 1, counts
    assert counts.pop() <= 24
