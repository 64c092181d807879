"""/api/v1/orphans/, /changes/, /tag-rules/, /tag-violations/ and /tag-compliance/."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.hygiene_lists import ChangeFeedFilter, OrphanListFilter
from inventory.models import HygieneState, Orphan, ResourceChange, TagRule
from inventory.orphans import RULE_OF_KEY
from inventory.tag_lists import TagRuleListFilter, ViolationListFilter
from inventory.tasks import judge_tags
from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.api.program import Program, problem, refused
from tests.conftest import person, sync
from tests.inventory.orphan_truth import orphans_true

PATHS = ("orphans/", "changes/", "tag-rules/", "tag-violations/", "tag-compliance/")


@pytest.fixture
def days(synced: Simulator, contoso: Tenant, fabrikam: Tenant) -> Simulator:
    """Both tenants, read again after some days."""
    synced.advance(days=20)
    sync(contoso)
    sync(fabrikam)
    return synced


@pytest.fixture
def ruled(days: Simulator, as_alice: Program, contoso: Tenant) -> TagRule:
    """A rule of contoso, judged."""
    body = {"tenant": str(contoso.id), "key": "Environment", "allowed_values": ["prod", "dev"]}
    made = as_alice.post("tag-rules/", body)
    assert made.status_code == 201, made.content
    judge_tags(str(contoso.id))
    with entered(Scope.of(contoso.id)):
        rule: TagRule = TagRule.objects.get()
    return rule


# --- every list -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_a_list_says_how_complete_it_is_and_refuses_what_it_does_not_know(
    ruled: TagRule, as_alice: Program, path: str
) -> None:
    page = as_alice.page(path)

    assert page["coverage"]["state"] == "complete"
    assert page["results"]
    assert "no parameter" in refused(as_alice.ask(path, colour="1"), "colour")
    refused(as_alice.ask(path, sort="nonsense"), "sort")


@pytest.mark.parametrize("path", PATHS)
def test_a_list_read_in_small_pages_is_the_whole_list_once(ruled: TagRule, as_auditor: Program, path: str) -> None:
    whole = [row["id"] for row in as_auditor.rows(path)]

    assert [row["id"] for row in as_auditor.walk(path, page_size=7)] == whole
    assert len(whole) == len(set(whole)) > 0


def test_every_filter_has_a_test_here() -> None:
    known = {"tenant", "group", "subscription", "resource_group", "type", "sort", "q"}
    of_orphans = {"rule", "verdict", "ended", "older_than"}
    of_changes = {"kind", "field", "since", "until", "baseline"}

    assert set(OrphanListFilter.base_filters) == known | of_orphans
    assert set(ChangeFeedFilter.base_filters) == known | of_changes
    assert set(ViolationListFilter.base_filters) == (known | {"kind", "key"}) - {"q"}
    assert set(TagRuleListFilter.base_filters) == {"tenant", "group", "sort"}


@pytest.mark.parametrize("path", ["orphans/", "changes/", "tag-violations/"])
def test_a_list_is_narrowed_by_tenant_group_subscription_type_and_group(
    ruled: TagRule, as_auditor: Program, contoso: Tenant, path: str
) -> None:
    group_tenants("ours", [contoso])
    whole = as_auditor.rows(path)
    ours = [row for row in whole if row["tenant_name"] == "contoso"]

    assert as_auditor.rows(path, tenant="contoso") == as_auditor.rows(path, group="ours") == ours
    first = ours[0]
    of_type = [row["id"] for row in whole if row["type"] == first["type"]]
    assert [row["id"] for row in as_auditor.rows(path, type=first["type"].upper())] == of_type
    if "subscription_id" in first:
        there = [row["id"] for row in whole if row["subscription_id"] == first["subscription_id"]]
        assert [row["id"] for row in as_auditor.rows(path, subscription=first["subscription_id"])] == there
        there = [row["id"] for row in whole if row["resource_group"].lower() == first["resource_group"].lower()]
        found = as_auditor.rows(path, resource_group=first["resource_group"].upper())
        assert [row["id"] for row in found] == there
    assert as_auditor.rows(path, subscription=str(uuid4())) == as_auditor.rows(path, resource_group="none") == []


# --- orphans ----------------------------------------------------------------------------------------------------------


def test_orphans_are_what_azure_knows_with_the_words_of_the_rule(
    days: Simulator, contoso: Tenant, as_alice: Program
) -> None:
    rows = as_alice.rows("orphans/")

    with entered(Scope.of(contoso.id)):
        periods = {str(row.id): row for row in Orphan.objects.select_related("resource", "group")}
    assert {(periods[row["id"]].resource or periods[row["id"]].group).azure_id.lower() for row in rows} == orphans_true(
        days, contoso
    )
    for row in rows:
        assert row["rule_words"] == RULE_OF_KEY[row["rule"]].words
        assert (row["resource"] is None) != (row["group"] is None)
        assert row["since_is_known"] == (row["since_basis"] != "at_least")
    since = [row["since"] for row in rows]
    assert since == sorted(since)
    assert as_alice.page(f"orphans/{rows[0]['id']}/") == rows[0]


def test_filters_of_orphans(days: Simulator, contoso: Tenant, as_alice: Program) -> None:
    rows = as_alice.rows("orphans/")
    with entered(Scope.of(contoso.id)):
        changed = Orphan.objects.filter(id=rows[0]["id"])
        changed.update(since=timezone.now() - timedelta(days=100))
        Orphan.objects.filter(id=rows[1]["id"]).update(verdict="unknown")
        ended = {str(key) for key in Orphan.objects.exclude(ended_at=None).values_list("id", flat=True)}

    assert [row["id"] for row in as_alice.rows("orphans/", older_than=90)] == [rows[0]["id"]]
    assert [row["id"] for row in as_alice.rows("orphans/", verdict="unknown")] == [rows[1]["id"]]
    assert len(as_alice.rows("orphans/", verdict="any")) == len(rows)
    assert {row["id"] for row in as_alice.rows("orphans/", verdict="any", ended="yes")} == ended != set()
    assert len(as_alice.rows("orphans/", verdict="any", ended="any")) == len(rows) + len(ended)
    rule = rows[-1]["rule"]
    assert {row["rule"] for row in as_alice.rows("orphans/", rule=rule)} == {rule}
    assert [row["name"] for row in as_alice.rows("orphans/", q=rows[-1]["name"].upper())] == [rows[-1]["name"]]
    names = [row["name"] for row in as_alice.rows("orphans/", sort="-name")]
    assert names == sorted(names, reverse=True)
    kinds = [row["type"] for row in as_alice.rows("orphans/", sort="type")]
    assert kinds == sorted(kinds)
    for parameter, value in (("older_than", "-1"), ("older_than", "x"), ("rule", "none"), ("verdict", "no")):
        refused(as_alice.ask("orphans/", **{parameter: value}), parameter)


def test_the_filters_of_resources_by_verdict_share_all_resources(
    days: Simulator, contoso: Tenant, as_alice: Program
) -> None:
    with entered(Scope.of(contoso.id)):
        doubted = Orphan.objects.open().exclude(resource=None).first()
        Orphan.objects.filter(id=doubted.id).update(verdict="unknown")

    parts = {
        word: {row["id"] for row in as_alice.rows("resources/", orphaned=word)} for word in ("yes", "no", "unknown")
    }

    assert parts["unknown"] == {str(doubted.resource_id)}
    with entered(Scope.of(contoso.id)):
        orphaned = Orphan.objects.orphaned().exclude(resource=None).values_list("resource_id", flat=True)
        assert parts["yes"] == set(map(str, orphaned)) != set()
    everything = [row["id"] for row in as_alice.rows("resources/")]
    assert sum(map(len, parts.values())) == len(everything)
    assert set().union(*parts.values()) == set(everything)


def test_of_a_tenant_that_was_never_judged_nothing_is_told(
    synced: Simulator, contoso: Tenant, as_alice: Program
) -> None:
    with entered(Scope.of(contoso.id)):
        HygieneState.objects.all().delete()
        Orphan.objects.all().delete()

    unknown = {row["type"] for row in as_alice.rows("resources/", orphaned="unknown")}

    assert unknown <= {rule.type for rule in RULE_OF_KEY.values()}
    assert unknown
    assert as_alice.rows("resources/", orphaned="yes") == []
    assert not {row["type"] for row in as_alice.rows("resources/", orphaned="no")} & unknown


# --- changes ----------------------------------------------------------------------------------------------------------


def test_the_feed_is_newest_first_and_leaves_out_first_readings(days: Simulator, as_auditor: Program) -> None:
    rows = as_auditor.rows("changes/")

    assert {row["tenant_name"] for row in rows} == {"contoso", "fabrikam"}
    assert not any(row["baseline"] for row in rows)
    at = [row["at"] for row in rows]
    assert at == sorted(at, reverse=True)
    everything = as_auditor.rows("changes/", baseline="any")
    assert len(everything) == len(rows) + 120
    assert as_auditor.rows("changes/", sort="at")[0]["at"] == min(at)


def test_filters_of_the_feed(days: Simulator, contoso: Tenant, as_alice: Program) -> None:
    rows = as_alice.rows("changes/")
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("created", "changed", "deleted")}

    assert all(by_kind.values())
    for kind, wanted in by_kind.items():
        assert as_alice.rows("changes/", kind=kind) == wanted
    tagged = [row for row in rows if any(one["field"].split(".")[0] == "tags" for one in row["fields"])]
    assert as_alice.rows("changes/", field="Tags") == tagged != []
    path = tagged[0]["fields"][0]["field"]
    exact = [row for row in rows if any(one["field"].lower() == path.lower() for one in row["fields"])]
    assert as_alice.rows("changes/", field=path) == exact
    assert as_alice.rows("changes/", field="tag") == [], "a part of a name is no field"
    name = rows[0]["resource_name"]
    assert {row["resource_name"] for row in as_alice.rows("changes/", q=name)} == {name}


def test_the_feed_between_two_moments(days: Simulator, contoso: Tenant, as_alice: Program) -> None:
    with entered(Scope.of(contoso.id)):
        old = ResourceChange.objects.filter(baseline=False).first()
        ResourceChange.objects.filter(id=old.id).update(at=timezone.now() - timedelta(days=9))
    rows = as_alice.rows("changes/")
    week = f"{timezone.now() - timedelta(days=7):%Y-%m-%d}"

    assert [row["id"] for row in as_alice.rows("changes/", until=week)] == [str(old.id)]
    assert str(old.id) not in {row["id"] for row in as_alice.rows("changes/", since=week)}
    assert len(as_alice.rows("changes/", since=f"{week}T00:00:00+00:00")) == len(rows) - 1
    for word in ("yesterday", "2026-13-01", "2026-11-23T10:00:00", "0001-01-01", "9999-12-31T23:59:59-12:00"):
        refused(as_alice.ask("changes/", since=word), "since")


def test_resources_that_changed_since(days: Simulator, contoso: Tenant, as_alice: Program) -> None:
    changed = {row["resource"] for row in as_alice.rows("changes/")}

    found = {row["id"] for row in as_alice.rows("resources/", changed_since="2020-01-01", deleted="any")}

    assert found == changed
    assert as_alice.rows("resources/", changed_since="2199-01-01", deleted="any") == []


# --- tag rules --------------------------------------------------------------------------------------------------------


def test_a_rule_is_added_changed_in_part_replaced_and_deleted(
    synced: Simulator, contoso: Tenant, as_alice: Program
) -> None:
    made = as_alice.post("tag-rules/", {"tenant": str(contoso.id), "key": "owner", "types": ["Microsoft.Web/sites"]})
    [rule] = made.json()["rules"]
    one = f"tag-rules/{rule['id']}/"

    assert made.status_code == 201
    assert (rule["key"], rule["is_required"], rule["types"]) == ("owner", True, ["microsoft.web/sites"])
    part = as_alice.patch(one, {"allowed_values": ["a"]}).json()
    assert (part["allowed_values"], part["types"], part["key"]) == (["a"], ["microsoft.web/sites"], "owner")
    whole = as_alice.put(one, {"key": "Owner"}).json()
    assert (whole["key"], whole["allowed_values"], whole["types"]) == ("Owner", [], [])
    assert as_alice.rows("tag-rules/") == [whole]
    assert as_alice.delete(one).status_code == 204
    assert as_alice.rows("tag-rules/") == []
    problem(as_alice.delete(one), 404)


def test_a_rule_for_a_group_is_written_into_each_of_its_tenants(
    synced: Simulator, contoso: Tenant, fabrikam: Tenant, as_alice: Program, everywhere: None
) -> None:
    group_tenants("all-of-them", [contoso, fabrikam])
    boss = Program(person("root@platform.example", platform_role="admin"))

    made = boss.post("tag-rules/", {"group": "all-of-them", "key": "owner"})
    again = as_alice.post("tag-rules/", {"group": "all-of-them", "key": "cost-centre"})

    assert {rule["tenant_name"] for rule in made.json()["rules"]} == {"contoso", "fabrikam"}
    # Alice may see one tenant of the group: to her it is a group of one.
    assert {rule["tenant_name"] for rule in again.json()["rules"]} == {"contoso"}
    assert TagRule.objects.for_tenant(fabrikam.id).count() == 1


@pytest.mark.parametrize("body", [{"key": "owner"}, {"key": "owner", "tenant": "T", "group": "g"}, {"tenant": "T"}])
def test_a_rule_needs_a_key_and_either_a_tenant_or_a_group(
    contoso: Tenant, as_alice: Program, body: dict[str, Any]
) -> None:
    sent = {name: str(contoso.id) if value == "T" else value for name, value in body.items()}

    problem(as_alice.post("tag-rules/", sent), 400)


def test_who_may_write_rules(
    ruled: TagRule, contoso: Tenant, alice: User, olga: User, bob: User, charlie: User, auditor: User
) -> None:
    body = {"tenant": str(contoso.id), "key": "owner"}
    one = f"tag-rules/{ruled.id}/"

    for user, status in ((olga, 403), (bob, 403), (auditor, 403), (charlie, 404)):
        program = Program(user)
        problem(program.post("tag-rules/", body), status)
        problem(program.patch(one, {"key": "x"}), status)
        problem(program.put(one, {"key": "x"}), status)
        problem(program.delete(one), status)
    with entered(Scope.of(contoso.id)):
        assert [(rule.key, rule.deleted_at) for rule in TagRule.objects.all()] == [("Environment", None)]


def test_what_the_verb_refuses_is_a_400_by_field(ruled: TagRule, contoso: Tenant, as_alice: Program) -> None:
    again = as_alice.post("tag-rules/", {"tenant": str(contoso.id), "key": "ENVIRONMENT"})

    assert "already" in refused(again, "key")


def test_violations_are_filtered_by_kind_and_tag(ruled: TagRule, as_alice: Program) -> None:
    rows = as_alice.rows("tag-violations/")
    kinds = {row["kind"] for row in rows}

    assert {"missing", "key_case", "value", "value_case"} >= kinds
    assert len(kinds) > 1
    for kind in kinds:
        assert {row["kind"] for row in as_alice.rows("tag-violations/", kind=kind)} == {kind}
    assert as_alice.rows("tag-violations/", key="environment") == rows
    assert as_alice.rows("tag-violations/", key="owner") == []


def test_compliance_by_tenant_and_type(ruled: TagRule, as_auditor: Program) -> None:
    ours, other = as_auditor.rows("tag-compliance/")

    violating = {row["resource"] for row in as_auditor.rows("tag-violations/")}
    assert (ours["name"], ours["rules"], ours["pending_since"]) == ("contoso", 1, None)
    assert ours["total"]["violating"] == len(violating) == sum(row["violating"] for row in ours["types"])
    assert ours["total"]["percent"] == 100 * ours["total"]["compliant"] // ours["total"]["resources"]
    assert (other["rules"], other["total"]["percent"], other["types"]) == (0, None, [])


def test_while_the_rules_are_being_judged_there_is_no_percentage(
    ruled: TagRule, contoso: Tenant, as_alice: Program
) -> None:
    as_alice.post("tag-rules/", {"tenant": str(contoso.id), "key": "owner"})

    [ours] = as_alice.rows("tag-compliance/")

    assert ours["pending_since"] is not None
    assert ours["total"]["percent"] is None
    assert ours["total"]["not_judged"] == ours["total"]["resources"] > 0
