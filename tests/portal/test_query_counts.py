"""The number of queries of a list does not grow with its rows."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.files import set_tenants
from audit.models import CoverageReceipt, Outcome, ReportFile, SyncRun
from governance.keys import new_id
from governance.portal import report_kinds
from governance.schedules import KINDS
from governance.tenancy import Scope, entered
from inventory.actions import MOST_RULES
from inventory.models import HygieneState, Orphan, Resource, ResourceChange, TagRule, TagViolation
from inventory.shape import key_of
from tenants.actions import group_tenants
from tenants.authorization import access_for
from tenants.models import Invitation, Membership, SavedView, Subscription, Tenant, User
from tenants.saved_views import save_view
from tests.conftest import signed_in
from tests.portal.crawl import token_for

MOST = 18  # of a list, with what stands around it (the tenants and groups of the switcher)
CHOICES = 6  # what the filters offer, kept until a sync stores something
SESSION = 1  # kept too
COVERAGE = 4  # of each kind of sync beyond the first, on the pages that tell of all
COST_CARD = 9  # this month and the last, kept like the choices
COSTS_OF_ONE = 8  # what a resource costs, and which subscriptions were never read
LOOK = 4  # that somebody looked, written once an hour


def queries(browser: Client, path: str) -> tuple[int, int]:
    """How many queries the page asks with a cold cache, and with a warm one."""
    cache.clear()
    return _queries(browser, path), _queries(browser, path)


def _queries(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(path)
    assert answer.status_code == 200
    return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")) for query in asked)


def assert_constant(counts: dict[int, tuple[int, int]], *, more: int = 0, kept: int = 0) -> None:
    """The same number whatever the rows, and few; `more` for what stands above the list, `kept` for what is kept."""
    assert len(set(counts.values())) == 1, counts
    ((cold, warm),) = set(counts.values())
    assert warm <= MOST + more
    assert cold <= warm + CHOICES + SESSION + LOOK + kept


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


def add_run(tenant: Tenant, subscription: Subscription, *, seconds: int = 0) -> None:
    """One finished run, so many seconds from now, with one incomplete receipt."""
    at = timezone.now() + timedelta(seconds=seconds)
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


def add_runs(tenant: Tenant, subscription: Subscription, upto: int) -> None:
    """So many finished runs in all, each with one incomplete receipt."""
    for number in range(SyncRun.objects.count(), upto):
        add_run(tenant, subscription, seconds=number)


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

    assert_constant(counts, more=COVERAGE * (len(KINDS) - 1), kept=COST_CARD)


@pytest.mark.parametrize("path", ["/syncs/", "/api/v1/syncs/"])
def test_a_list_of_runs(contoso: Tenant, bob: User, subscription: Subscription, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (1, 5, 30):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts, more=COVERAGE * (len(KINDS) - 1))


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


def test_one_resource(contoso: Tenant, bob: User, subscription: Subscription) -> None:
    browser = signed_in(bob)
    counts = {}
    for many in (2, 5, 40):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, 1)
            add_resources(contoso, subscription, many)
            others = list(Resource.objects.order_by("name").values_list("azure_id", "azure_id_hash"))
            row = Resource.objects.order_by("name").first()
            add_relations(row, [azure_id for azure_id, _ in others[1:]])
            row.tags = {f"tag-{number}": "x" for number in range(many)}
            row.save()
            add_changes(row, many)
        counts[many] = queries(browser, f"/resources/{row.id}/")

    assert_constant(counts, more=COSTS_OF_ONE)


def add_relations(row: Resource, azure_ids: list[str]) -> None:
    """Let the resource name each of these, and manage them all."""
    for number, azure_id in enumerate(azure_ids):
        named = f"/subscriptions/x/resourceGroups/g/providers/microsoft.test/things/{number}"
        Resource.objects.filter(azure_id=azure_id).update(
            azure_id=named, azure_id_hash=key_of(named).hex(), managed_by=row.azure_id
        )
    known = Resource.objects.exclude(id=row.id).values_list("azure_id", flat=True)
    row.properties = {"parts": [{"id": azure_id} for azure_id in known]}


def add_changes(row: Resource, upto: int) -> None:
    """So many changes of one resource in all."""
    for number in range(row.changes.count(), upto):
        ResourceChange.objects.create(
            tenant=row.tenant,
            resource=row,
            kind="changed",
            at=timezone.now() + timedelta(seconds=number),
            fields=[{"field": "sku.name", "before": "a", "after": "b"}],
        )


def test_saved_views_cost_one_query(contoso: Tenant, bob: User, subscription: Subscription) -> None:
    browser = signed_in(bob)
    counts = {}
    for many in (0, 3, 60):
        with entered(access_for(bob).scope):
            for number in range(SavedView.objects.count(), many):
                save_view(bob.id, listing="resources", name=f"view {number}", query=f"q={number}")
        counts[many] = queries(browser, "/views/"), queries(browser, "/resources/")

    assert len(set(counts.values())) == 1, counts


def add_hygiene(tenant: Tenant, subscription: Subscription, upto: int) -> None:
    """So many orphans, changes, tag violations and tag rules in all, each on a resource of its own."""
    now = timezone.now()
    add_resources(tenant, subscription, upto)
    HygieneState.objects.get_or_create(tenant=tenant, defaults={"orphans_judged_at": now})
    first = Orphan.objects.count()
    rules = min(upto, MOST_RULES)
    TagRule.objects.bulk_create(
        TagRule(tenant=tenant, key=f"k{number}", key_folded=f"k{number}", created_at=now, changed_at=now)
        for number in range(TagRule.objects.count(), rules)
    )
    rule = TagRule.objects.first()
    fresh = list(Resource.objects.order_by("name")[first:upto])
    common = {"since": now, "since_basis": "seen", "rule": "disk-unattached", "verdict": "orphaned"}
    Orphan.objects.bulk_create(
        Orphan(tenant=tenant, resource=row, subscription=subscription, name=row.name, type=row.type, **common)
        for row in fresh
    )
    fields = [{"field": "tags.env", "before": None, "after": "prod"}]
    ResourceChange.objects.bulk_create(
        ResourceChange(tenant=tenant, resource=row, kind="changed", at=now, fields=fields) for row in fresh
    )
    TagViolation.objects.bulk_create(
        TagViolation(tenant=tenant, resource=row, rule=rule, kind="missing", found_at=now) for row in fresh
    )


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/orphans/", 7),  # how many, of which rule and age; who was judged; what they wasted
        ("/changes/", 0),
        ("/tags/", 5),  # compliance
        ("/tags/rules/", 0),
        ("/api/v1/orphans/", 0),
        ("/api/v1/changes/", 0),
        ("/api/v1/tag-rules/", 0),
        ("/api/v1/tag-violations/", 0),
        ("/api/v1/tag-compliance/", 5),
    ],
)
def test_hygiene(contoso: Tenant, bob: User, subscription: Subscription, path: str, more: int) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (2, 20, 1000):
        with entered(Scope.of(contoso.id)):
            add_runs(contoso, subscription, 1)
            add_hygiene(contoso, subscription, rows)
        counts[rows] = queries(browser, path)
        assert len(browser.get(path).content) < 100_000 or path.startswith("/api")

    assert_constant(counts, more=more)


def add_people(tenant: Tenant, upto: int) -> None:
    """So many people with a role in all, and as many who are invited by one of them."""
    for number in range(Membership.objects.count(), upto):
        user = User.objects.create_user(f"person{number:03}@contoso.example")
        Membership.objects.create(tenant=tenant, user=user, role="reader")
        guest = Invitation(tenant=tenant, email=f"guest{number:03}@contoso.example", role="reader", invited_by=user)
        guest.letter, guest.expires_at = new_id(), timezone.now() + timedelta(days=1)
        guest.save()


@pytest.mark.parametrize(
    "path", ["/tenants/{tenant}/people/", "/api/v1/users/", "/api/v1/memberships/", "/api/v1/invitations/"]
)
def test_a_list_of_people(contoso: Tenant, alice: User, path: str) -> None:
    browser = signed_in(alice)
    counts = {}
    for people in (2, 10, 40):
        with entered(Scope.of(contoso.id)):
            add_people(contoso, people)
        counts[people] = queries(browser, path.format(tenant=contoso.id))

    assert_constant(counts)


def add_tenants(upto: int) -> None:
    """So many tenants in all, each with two subscriptions, a partial run, and in a group of its own."""
    with entered(Scope.every_tenant(reason="A test makes tenants.")):
        for number in range(Tenant.objects.count(), upto):
            tenant = Tenant.objects.create(
                name=f"tenant{number:03}", azure_tenant_id=new_id(), client_id=new_id(), connected_at=timezone.now()
            )
            group_tenants(f"group{number:03}", [tenant])
            for name in ("x", "y"):
                row = Subscription.objects.create(
                    tenant=tenant, subscription_id=name, name=name, first_seen_at=timezone.now()
                )
            add_run(tenant, row)


@pytest.mark.parametrize(
    "path", ["/tenants/", "/tenants/?sort=-name", "/tenants/groups/", "/api/v1/tenants/", "/api/v1/tenant-groups/"]
)
def test_a_list_of_tenants_and_of_their_groups(contoso: Tenant, auditor: User, path: str) -> None:
    browser = signed_in(auditor)
    counts = {}
    for tenants in (3, 10, 40):
        add_tenants(tenants)
        counts[tenants] = queries(browser, path)

    assert_constant(counts)


def test_one_tenant(contoso: Tenant, alice: User) -> None:
    browser = signed_in(alice)
    counts = {}
    for rows in (1, 5, 40):
        with entered(Scope.of(contoso.id)):
            for number in range(Subscription.objects.count(), rows):
                Subscription.objects.create(
                    tenant=contoso, subscription_id=str(number), name="x", first_seen_at=timezone.now()
                )
            add_runs(contoso, Subscription.objects.first(), rows)
        counts[rows] = queries(browser, f"/tenants/{contoso.id}/")

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
        set_tenants(row, [tenant.id])


@pytest.mark.parametrize("path", ["/files/", "/api/v1/exports/"])
def test_a_list_of_files(contoso: Tenant, bob: User, path: str) -> None:
    browser = signed_in(bob)
    counts = {}
    for rows in (1, 5, 30):
        with entered(Scope.of(contoso.id)):
            add_files(contoso, bob, rows)
        counts[rows] = queries(browser, path)

    assert_constant(counts)


@pytest.mark.parametrize("path", ["/tokens/", "/api/v1/tokens/"])
def test_a_list_of_tokens(contoso: Tenant, alice: User, bob: User, path: str) -> None:
    browser = signed_in(alice)
    counts: dict[int, tuple[int, int]] = {}
    for rows in (1, 5, 30):
        for number in range(max(counts, default=0), rows):
            token_for(bob, contoso, name=f"number {number}")
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
            kind = report_kinds.KINDS["inventory"]
            wanted = report_kinds.asked_for(kind, QueryDict(query))
            report = report_kinds.built(kind, wanted, query=query, made_for="Bob", owner_id=bob.id)
        assert report.resources == rows
        counts.add(len(asked))

    assert len(counts) == 1, counts
    assert counts.pop() <= 32
