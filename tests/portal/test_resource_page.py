"""The page of one resource: what it says, how it leads on, and that nothing hostile or huge gets through."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.models import SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.portal.resources import CHANGES_SHOWN
from governance.tenancy import Scope, entered
from inventory.actions import off_board_subscription
from inventory.models import HygieneState, Orphan, Resource, ResourceChange, TagRule, TagViolation
from inventory.orphans import RULE_OF_TYPE
from inventory.relations import MOST_NAMED, ids_in, lineage, relations_of
from inventory.shape import key_of
from tenants.models import Subscription, Tenant, User
from tests.conftest import signed_in, sync
from tests.inventory.orphan_truth import orphans_true
from tests.portal.test_resources_page import text

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
MOST_BYTES = 100_000


def page_of(user: User, row: Resource, query: str = "") -> str:
    """The page without its mark-up's white space."""
    answer = signed_in(user).get(f"/resources/{row.id}/{query}")
    assert answer.status_code == 200
    assert len(answer.content) < MOST_BYTES
    return text(answer)


def fact(page: str, title: str) -> str:
    """What stands beside this title, as mark-up."""
    found = re.search(rf"<dt>{title}</dt> <dd[^>]*>(.*?)</dd>", page)
    assert found, title
    return found[1]


def section(page: str, key: str) -> str:
    """The part of the page with this heading."""
    found = re.search(rf'<section class="part" aria-labelledby="{key}">.*?</section>', page)
    assert found, key
    return found[0]


def words(markup: str) -> str:
    """Mark-up without its tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", markup))).strip()


def rows_of(tenant: Tenant, **wanted: Any) -> list[Resource]:
    """Resources as they are stored."""
    with entered(Scope.of(tenant.id)):
        return list(Resource.objects.filter(**wanted).select_related("subscription").order_by("name", "id"))


def make(tenant: Tenant, name: str, **values: Any) -> Resource:
    """One more resource in the tenant's first subscription."""
    with entered(Scope.of(tenant.id)):
        subscription, now = Subscription.objects.order_by("name").first(), timezone.now()
        azure_id = (
            f"/subscriptions/{subscription.subscription_id}/resourceGroups/rg/providers/microsoft.test/things/{name}"
        )
        usual: dict[str, Any] = {
            "azure_id": azure_id,
            "type": "microsoft.test/things",
            "resource_group": "rg",
            "tags": {},
            "sku": {},
            "zones": [],
            "identity": {},
            "properties": {},
            "first_seen_at": now,
            "stored_at": now,
            **values,
        }
        row: Resource = Resource.objects.create(
            tenant=tenant,
            subscription=subscription,
            name=name,
            azure_id_hash=key_of(usual["azure_id"]).hex(),
            **usual,
        )
    return row


def change(row: Resource, **values: Any) -> None:
    """One more entry in the log."""
    usual: dict[str, Any] = {"kind": "changed", "at": timezone.now(), "fields": []}
    with entered(Scope.of(row.tenant_id)):
        ResourceChange.objects.create(tenant=row.tenant, resource=row, **{**usual, **values})


@pytest.fixture
def synced(contoso: Tenant) -> Tenant:
    """Contoso after a complete run."""
    assert sync(contoso).outcome == "ok"
    return contoso


# --- what it says -----------------------------------------------------------------------------------------------------


def test_every_resource_of_azure_has_a_page_with_its_facts(azure: Simulator, synced: Tenant, bob: User) -> None:
    truth = {resource.id.lower(): resource for resource in azure.truth("contoso").resources}
    rows = rows_of(synced)
    assert len(rows) == len(truth) > 50

    for row in rows:
        there = truth[row.azure_id.lower()]
        page = page_of(bob, row)
        assert f"<h1>{html.escape(there.name)}</h1>" in page
        assert words(fact(page, "Type")).startswith(there.type.lower())
        assert words(fact(page, "Resource group")).startswith(there.resource_group)
        assert there.subscription_id in fact(page, "Subscription")
        assert words(fact(page, "Azure id")).startswith(there.id)
        assert there.location.lower() in fact(page, "Region")
        for name, value in (there.tags or {}).items():
            assert html.escape(name) in section(page, "tags")
            assert html.escape(re.sub(r"\s+", " ", value)) in section(page, "tags")


def test_the_list_leads_to_it_and_it_leads_back(synced: Tenant, bob: User) -> None:
    listed = text(signed_in(bob).get("/resources/"))
    addresses = re.findall(r'<th scope="row"[^>]*>(?:<input[^>]*>)?<a href="(/resources/[^"]+/)">', listed)
    assert len(addresses) == 50

    page = text(signed_in(bob).get(addresses[0]))

    links = {html.unescape(link) for link in re.findall(r'href="(/resources/\?[^"]*)"', page)}
    assert len(links) > 4
    for link in links:
        answer = signed_in(bob).get(link)
        assert answer.status_code == 200, link
        assert addresses[0] in text(answer) or "page=2" in text(answer), link


def test_the_properties_are_told_whole(synced: Tenant, bob: User) -> None:
    (row, *_) = rows_of(synced, type="microsoft.compute/virtualmachines")

    shown = words(section(page_of(bob, row), "properties"))

    def told(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                assert name in shown
                told(inner)
        elif isinstance(value, str):
            assert value in shown

    assert row.properties
    told(row.properties)


def test_the_link_to_the_azure_portal_names_tenant_and_resource_and_tells_nobody(synced: Tenant, bob: User) -> None:
    row = make(synced, "a b#c", azure_id='/subscriptions/x/resourceGroups/a b/providers/m.t/things/a#b?c&d"e')

    found = re.search(r'<a class="button small" href="(https://[^"]*)" ([^>]*)>', page_of(bob, row))

    assert found
    assert html.unescape(found[1]) == (
        f"https://portal.azure.com/#@{synced.azure_tenant_id}/resource"
        "/subscriptions/x/resourceGroups/a%20b/providers/m.t/things/a%23b%3Fc%26d%22e"
    )
    assert 'rel="noreferrer noopener"' in found[2]


def test_an_id_that_is_none_gets_no_link_to_azure(synced: Tenant, bob: User) -> None:
    row = make(synced, "odd", azure_id="javascript:alert(1)")

    assert "https://portal.azure.com" not in page_of(bob, row)
    assert 'href="javascript' not in page_of(bob, row)


# --- relations --------------------------------------------------------------------------------------------------------


def test_a_machine_leads_to_its_disks_and_interfaces_and_they_lead_back(
    azure: Simulator, synced: Tenant, bob: User
) -> None:
    every = {row.azure_id.lower(): row for row in rows_of(synced)}
    disk = next(row for row in every.values() if row.managed_by.lower() in every)
    machine = every[disk.managed_by.lower()]
    named = {azure_id.lower() for azure_id, _ in ids_in(machine.properties)}
    others = [row for key, row in every.items() if key in named]
    assert {row.type for row in others} == {"microsoft.compute/disks", "microsoft.network/networkinterfaces"}

    page = page_of(bob, machine)

    assert '<span class="state ok">There</span>' in page
    for other in others:
        assert f'<a href="/resources/{other.id}/">{other.name}</a>' in section(page, "related")
        assert f'<a class="value" href="/resources/{other.id}/">' in section(page, "properties")
    back = page_of(bob, disk)
    assert f'<a href="/resources/{machine.id}/">{machine.name}</a>' in fact(back, "Managed by")


def test_the_group_is_counted_as_it_is_now(synced: Tenant, bob: User) -> None:
    row = make(synced, "one")
    make(synced, "two", resource_group="RG")
    make(synced, "three", deleted_at=timezone.now())

    assert words(fact(page_of(bob, row), "Resource group")) == "rg 2 resources there now"


def test_a_manager_that_is_not_known_is_shown_by_its_id(synced: Tenant, bob: User) -> None:
    manager = "/subscriptions/x/resourceGroups/g/providers/microsoft.test/things/unknown"
    row = make(synced, "managed", managed_by=manager)

    assert words(fact(page_of(bob, row), "Managed by")) == f"{manager} not among the resources that are known"


def test_a_foreign_resource_is_never_a_relation(synced: Tenant, fabrikam: Tenant, auditor: User) -> None:
    assert sync(fabrikam).outcome == "ok"
    foreign = rows_of(fabrikam)[0]
    row = make(synced, "spy", managed_by=foreign.azure_id, properties={"id": foreign.azure_id})
    make(fabrikam, "managed elsewhere", managed_by=row.azure_id)

    page = page_of(auditor, row)  # even for who may see both

    assert str(foreign.id) not in page
    assert "1 more id in it names nothing that was read from contoso." in words(section(page, "related"))
    assert "managed elsewhere" not in page


def test_many_relations_are_counted(synced: Tenant, bob: User) -> None:
    many = MOST_NAMED + 5
    row = make(synced, "hub")
    parts = [make(synced, f"part-{number:02}", managed_by=row.azure_id.upper()) for number in range(many)]
    with entered(Scope.of(synced.id)):
        Resource.objects.filter(id=row.id).update(properties={"parts": [{"id": part.azure_id} for part in parts]})

    related = words(section(page_of(bob, row), "related"))

    assert f"the first {MOST_NAMED} of {many}" in related
    assert "5 further ids in it were not looked up." in related


def test_a_part_leads_to_the_resource_it_belongs_to(synced: Tenant, bob: User) -> None:
    network = make(synced, "network")
    row = make(synced, "interface", properties={"subnet": {"id": f"{network.azure_id}/subnets/default"}})

    assert f'<a href="/resources/{network.id}/">network</a>' in section(page_of(bob, row), "related")
    with entered(Scope.of(synced.id)):
        assert [reference.path for reference in relations_of(row).named] == ["properties.subnet.id"]


@pytest.mark.parametrize(
    ("azure_id", "found"),
    [
        ("/subscriptions/s", []),
        ("/subscriptions/s/resourceGroups/g", []),
        ("/subscriptions/s/resourceGroups/g/providers/n", []),
        (
            "/subscriptions/s/resourceGroups/g/providers/n/t/a/u/b",
            [
                "/subscriptions/s/resourceGroups/g/providers/n/t/a/u/b",
                "/subscriptions/s/resourceGroups/g/providers/n/t/a",
            ],
        ),
    ],
)
def test_lineage(azure_id: str, found: list[str]) -> None:
    assert lineage(azure_id) == found
    assert len(lineage(azure_id + "/providers/n/t/a" + "/u/b" * 500)) <= 4


# --- hygiene ----------------------------------------------------------------------------------------------------------


def test_every_resource_says_whether_it_is_an_orphan(azure: Simulator, synced: Tenant, bob: User) -> None:
    orphans, told = orphans_true(azure, synced), 0
    for row in rows_of(synced):
        page = page_of(bob, row)
        rule = RULE_OF_TYPE.get(row.type)
        is_orphan = row.azure_id.lower() in orphans
        assert ('<span class="state partial">Orphan</span>' in page) == is_orphan, row.name
        if rule is None:
            assert "Is it used?" not in page
            continue
        said = words(section(page, "use"))
        assert rule.words in said
        assert ("Orphan at least since" in said) == is_orphan
        assert ("In use , as far as the rule for its type can see." in said) != is_orphan
        told += is_orphan
    assert told > 5


def test_an_orphan_that_was_put_to_use_says_until_when(synced: Tenant, bob: User) -> None:
    row = rows_of(synced, type="microsoft.compute/disks")[0]
    with entered(Scope.of(synced.id)):
        Orphan.objects.filter(resource=row).delete()
        Orphan.objects.create(
            tenant=synced,
            resource=row,
            subscription=row.subscription,
            name=row.name,
            type=row.type,
            rule="disk-unattached",
            verdict="orphaned",
            since=timezone.now() - timedelta(days=9),
            since_basis="seen",
            ended_at=timezone.now(),
            ending="in_use",
        )

    said = words(section(page_of(bob, row), "use"))

    assert "In use , as far as" in said
    assert re.search(r"Before: 1 time Orphaned [\d: -]+UTC to [\d: -]+UTC : In use", said), said


def test_what_was_never_judged_is_not_called_in_use(synced: Tenant, bob: User) -> None:
    with entered(Scope.of(synced.id)):
        Orphan.objects.all().delete()
        HygieneState.objects.all().delete()

    said = words(section(page_of(bob, rows_of(synced, type="microsoft.compute/disks")[0]), "use"))

    assert said.startswith("Is it used? Not judged yet")


def test_broken_tag_rules_are_named_beside_the_tags(synced: Tenant, alice: User, bob: User) -> None:
    row = make(synced, "untagged", tags={"team": EVIL})
    with entered(Scope.of(synced.id)):
        for key, kind, found in (("owner", "missing", ""), ("team", "value", "team")):
            rule = TagRule.objects.create(
                tenant=synced, key=key, key_folded=key, created_at=timezone.now(), changed_at=timezone.now()
            )
            TagViolation.objects.create(
                tenant=synced, rule=rule, resource=row, kind=kind, key=found, value=EVIL[:20], found_at=timezone.now()
            )

    page = page_of(bob, row)

    said = words(section(page, "tags"))
    assert "It breaks 2 of its tenant's tag rules owner : tag is missing" in said
    assert f"team : value not allowed, found team: {EVIL[:20]}" in said
    assert "<script>alert" not in page


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_baseline_is_no_creation(synced: Tenant, bob: User) -> None:
    shown = words(section(page_of(bob, rows_of(synced)[0]), "changes"))

    assert "Already there when its subscription was first read whole." in shown
    assert "Created" not in shown


def test_changes_are_told_with_before_and_after(azure: Simulator, synced: Tenant, bob: User) -> None:
    azure.advance(days=30)
    assert sync(synced).outcome == "ok"
    with entered(Scope.of(synced.id)):
        changes = list(ResourceChange.objects.filter(kind="changed").select_related("resource"))
    assert changes

    for one in changes:
        shown = section(page_of(bob, one.resource), "changes")
        for field in one.fields:
            assert f'<th scope="row" class="code wrap">{html.escape(field["field"])}</th>' in shown
            for side in ("before", "after"):
                if isinstance(field[side], str) and len(field[side]) < 100:
                    assert html.escape(field[side]) in shown


def test_a_deleted_resource_says_so_and_since_when(azure: Simulator, synced: Tenant, bob: User) -> None:
    azure.advance(days=20)
    sync(synced)
    row = next(row for row in rows_of(synced) if row.deleted_at)

    page = page_of(bob, row)

    assert '<span class="state deleted">Deleted</span>' in page
    assert words(fact(page, "Deleted")).startswith(f"noticed {row.deleted_at:%Y-%m-%d %H:%M} UTC")
    assert "a complete reading of its subscription no longer contained it" in words(section(page, "changes"))


def test_created_returned_and_off_boarded_in_words(synced: Tenant, bob: User) -> None:
    row = make(synced, "wanderer")
    with entered(Scope.of(synced.id)):
        run = SyncRun.objects.first()
    for number, (kind, by) in enumerate((("created", run), ("deleted", run), ("returned", run), ("deleted", None))):
        change(row, kind=kind, run=by, at=timezone.now() + timedelta(minutes=number))

    shown = words(section(page_of(bob, row), "changes"))

    told = ("was said to be gone for good", "There again after", "no longer contained it", "did not contain it")
    assert sorted(told, key=shown.index) == list(told)


def test_a_value_that_was_not_there_is_not_null(synced: Tenant, bob: User) -> None:
    row = make(synced, "tagged")
    change(row, fields=[{"field": "tags.env", "before": None, "after": "prod"}])

    shown = section(page_of(bob, row), "changes")

    assert words(shown).endswith("tags.env not there prod")


def test_many_changes_have_pages_and_many_fields_are_counted(synced: Tenant, bob: User) -> None:
    row = make(synced, "busy")
    for number in range(CHANGES_SHOWN + 3):
        fields = [{"field": f"properties.f{place}", "before": place, "after": place + 1} for place in range(30)]
        change(row, at=timezone.now() + timedelta(minutes=number), fields=fields)

    first, second = page_of(bob, row), page_of(bob, row, "?page=2")

    assert f"1–{CHANGES_SHOWN} of {CHANGES_SHOWN + 3}, newest first" in first
    assert words(section(first, "changes")).count("more fields changed; the API names them all.") >= 1
    shown = len(re.findall(r'<th scope="row" class="code wrap">', section(first, "changes")))
    hidden = sum(
        int(count) for count in re.findall(r"(\d+) (?:more )?fields changed", words(section(first, "changes")))
    )
    assert shown + hidden == CHANGES_SHOWN * 30
    assert len(re.findall(r'<li class="changed">', section(second, "changes"))) == 3
    assert signed_in(bob).get(f"/resources/{row.id}/?page=x").status_code == 400
    api = re.search(r'href="(/api/v1/resources/[^"]*/changes/)"', first)
    assert api
    assert len(signed_in(bob).get(api[1]).json()["results"]) == CHANGES_SHOWN + 3


# --- bounded and escaped ----------------------------------------------------------------------------------------------


def test_hostile_words_stay_words_and_the_page_stays_small(synced: Tenant, bob: User) -> None:
    hostile: dict[str, Any] = {
        f"{EVIL}{number}": {f"{EVIL}{place}": EVIL * 20 for place in range(30)} for number in range(60)
    }
    row = make(
        synced,
        EVIL,
        type=EVIL[:256].lower(),
        kind=EVIL,
        location="<b>",
        resource_group=EVIL,
        managed_by=f"/subscriptions/{EVIL}/providers/a/b/c" + "<" * 1900,
        azure_id=f"/subscriptions/{EVIL}/providers/a/b/d" + "<" * 1900,
        tags={f"{EVIL}{number}{'<' * 400}": "<" * 256 for number in range(50)},
        sku=hostile,
        identity=hostile,
        properties={**hostile, "ids": [f"/subscriptions/{EVIL}{n}/providers/a/b/{'<' * 300}" for n in range(300)]},
    )
    for number in range(40):
        before: list[Any] = [hostile, *["<" * 5000] * 19]  # one is enough: it has two megabytes
        fields = [{"field": f"tags.{EVIL}{'<' * 400}", "before": value, "after": "<" * 5000} for value in before]
        change(row, at=timezone.now() + timedelta(minutes=number), fields=fields)

    page = page_of(bob, row)  # asserts the size

    assert "<script>alert" not in page
    assert "<img" not in page
    assert not re.search(r"\son\w+=[^&]", re.sub(r"onerror=alert\(1\)&gt;", "", page))
    assert html.escape(EVIL) in section(page, "properties")
    assert re.search(r"\d values are not shown here", words(section(page, "properties")))
    assert "more; the API gives them all." in words(section(page, "tags"))


def test_a_long_value_says_how_long_it_is(synced: Tenant, bob: User) -> None:
    row = make(synced, "wordy", properties={"policy": "x" * 12_345})

    assert "… 12 345 characters in all" in section(page_of(bob, row), "properties")


def test_what_the_page_leaves_out_the_api_tells(synced: Tenant, bob: User) -> None:
    row = make(synced, "huge", properties={f"key {number}": "v" * 250 for number in range(5000)})

    page = page_of(bob, row)

    link = re.search(r'href="(/api/v1/resources/[^"]*)"', section(page, "properties"))
    assert link
    assert signed_in(bob).get(link[1]).json()["properties"] == row.properties
    shown = len(re.findall(r'class="value text"', section(page, "properties")))
    (hidden,) = re.findall(r"([\d ]+) values are not shown here", words(section(page, "properties")))
    assert shown + int(hidden.replace(" ", "")) == 5000


# --- how sure we are --------------------------------------------------------------------------------------------------


def coverage_words(page: str) -> str:
    """The line about coverage."""
    found = re.search(r'<section class="coverage.*?</section>', page)
    assert found
    return words(found[0])


def test_complete_is_said_of_the_resources_own_subscription(azure: Simulator, synced: Tenant, bob: User) -> None:
    one, other = azure.truth("contoso").subscriptions[:2]
    azure.faults.add(Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1))
    assert sync(synced).outcome == "partial"
    with entered(Scope.of(synced.id)):
        run = SyncRun.objects.order_by("-started_at").first()
        receipts = list(run.receipts.select_related("subscription"))
    complete = {
        key: all(row.complete for row in receipts if row.subscription.subscription_id == key)
        for key in (one.subscription_id, other.subscription_id)
    }
    assert sorted(complete.values()) == [False, True]

    for there in (one, other):
        row = rows_of(synced, subscription__subscription_id=there.subscription_id)[0]
        said = coverage_words(page_of(bob, row))
        if complete[there.subscription_id]:
            assert said.startswith(f"Complete Everything expected was received from subscription {there.display_name}.")
        else:
            assert said.startswith(
                f"Partial The last run missed something in subscription {there.display_name}: 1 row(s)"
            )


def test_a_failed_run_leaves_the_date_of_what_is_known(
    synced: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = rows_of(synced)[0]
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(synced)

    said = coverage_words(page_of(bob, row))

    assert said.startswith("Failed The last run received nothing from subscription")
    assert "(withheld) is not set" in said
    assert "never read whole" not in said


def test_a_lost_subscription_says_since_when(azure: Simulator, synced: Tenant, bob: User) -> None:
    row = rows_of(synced)[0]
    with entered(Scope.of(synced.id)):
        Subscription.objects.filter(id=row.subscription_id).update(access_lost_at=timezone.now())
        subscription = Subscription.objects.get(id=row.subscription_id)

    lost = coverage_words(page_of(bob, row))
    assert '<span class="state unsure">There when last read</span>' in page_of(bob, row)
    with entered(Scope.of(synced.id)):
        off_board_subscription(subscription, now=timezone.now())
    off_boarded = coverage_words(page_of(bob, row))

    assert f"Subscription {subscription.name} is not visible since {timezone.now():%Y-%m-%d}" in lost
    assert "was said to be gone for good" in off_boarded


def test_before_any_run_has_ended_it_says_so(contoso: Tenant, bob: User) -> None:
    with entered(Scope.of(contoso.id)):
        Subscription.objects.create(tenant=contoso, subscription_id="s", name="first", first_seen_at=timezone.now())

    said = coverage_words(page_of(bob, make(contoso, "early")))

    assert said == "Never No run that read subscription first has ended yet. Complete as of never read whole"


def test_properties_that_nobody_told_are_not_empty(azure: Simulator, contoso: Tenant, bob: User) -> None:
    azure.faults.add(Fault("forbidden", path="ResourceGraph"))
    assert sync(contoso).outcome == "partial"
    row = rows_of(contoso)[0]
    assert row.properties is None

    page = page_of(bob, row)

    assert "only the ARM list showed this resource" in words(section(page, "properties"))
    assert "Only the ARM list showed this resource so far" in words(section(page, "changes"))
    assert "it cannot be told which resources it names" in words(section(page, "related"))
    empty = page_of(bob, make(contoso, "empty"))
    assert "Azure tells none of this resource." in words(section(empty, "properties"))


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob", "olga", "auditor"])
def test_who_sees_the_tenant_sees_its_resources(synced: Tenant, who: str, request: pytest.FixtureRequest) -> None:
    assert signed_in(request.getfixturevalue(who)).get(f"/resources/{rows_of(synced)[0].id}/").status_code == 200


def test_a_foreign_and_a_missing_resource_are_the_same_404(synced: Tenant, charlie: User) -> None:
    foreign = rows_of(synced)[0]

    answers = [signed_in(charlie).get(f"/resources/{key}/") for key in (foreign.id, uuid4(), "no-key")]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({re.sub(r'value="\w{64}"', "", text(answer)) for answer in answers}) == 1


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(synced: Tenant, bob: User, method: str) -> None:
    assert getattr(signed_in(bob), method)(f"/resources/{rows_of(synced)[0].id}/").status_code == 405
