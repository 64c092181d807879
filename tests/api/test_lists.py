"""The lists of tenants, subscriptions and syncs: their parameters, and what every list shares."""

from typing import Any

import pytest

from audit.models import SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.portal.sync_lists import SyncListFilter
from governance.tenancy import Scope, entered
from tenants.actions import group_tenants
from tenants.lists import SubscriptionListFilter, TenantListFilter
from tenants.models import Subscription, Tenant, User
from tests.api.program import Program, problem, refused
from tests.conftest import sync

LISTS = ("tenants/", "subscriptions/", "resources/", "syncs/")


def keys(rows: list[dict[str, Any]]) -> list[str]:
    """The ids of an answer, in its order."""
    return [row["id"] for row in rows]


# --- every list -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_a_list_has_rows_a_next_page_and_its_coverage(synced: Simulator, as_alice: Program, path: str) -> None:
    page = as_alice.page(path)

    assert set(page) == {"next", "coverage", "results"}
    assert page["results"]
    assert page["coverage"]["state"] == "complete"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("parameter", ["page", "limit", "q_", "tenant_ids", "search"])
def test_an_unknown_parameter_is_refused_by_name(as_alice: Program, path: str, parameter: str) -> None:
    assert "no parameter" in refused(as_alice.ask(path, **{parameter: "1"}), parameter)


@pytest.mark.parametrize("path", LISTS)
def test_a_repeated_parameter_is_refused_by_name(as_alice: Program, path: str) -> None:
    for parameter in ("sort", "cursor", "page_size"):
        refused(as_alice.ask(path, (parameter, "1"), (parameter, "2")), parameter)


@pytest.mark.parametrize("path", LISTS)
def test_an_unknown_order_is_refused(as_alice: Program, path: str) -> None:
    for word in ("secret_ref", "-", "-id", "tenant__name", "NAME"):
        refused(as_alice.ask(path, sort=word), "sort")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("size", ["0", "-1", "1001", "abc", "٣"])
def test_a_bad_page_size_is_refused(as_alice: Program, path: str, size: str) -> None:
    refused(as_alice.ask(path, page_size=size), "page_size")


@pytest.mark.parametrize("path", ["subscriptions/", "resources/", "syncs/"])
def test_tenant_narrows_by_name_and_id(synced: Simulator, as_auditor: Program, fabrikam: Tenant, path: str) -> None:
    both = as_auditor.rows(path)
    by_name = as_auditor.rows(path, tenant="fabrikam")

    assert by_name == as_auditor.rows(path, tenant=str(fabrikam.id))
    assert keys(by_name) == [row["id"] for row in both if row["tenant"] == str(fabrikam.id)]
    assert 0 < len(by_name) < len(both)


@pytest.mark.parametrize("path", ["subscriptions/", "resources/", "syncs/"])
def test_an_empty_tenant_is_no_filter_and_no_way_out(synced: Simulator, as_alice: Program, path: str) -> None:
    assert as_alice.rows(path, tenant="") == as_alice.rows(path)
    assert {row["tenant_name"] for row in as_alice.rows(path, tenant="")} == {"contoso"}


@pytest.mark.parametrize("path", ["subscriptions/", "resources/", "syncs/"])
def test_a_foreign_tenant_is_refused_like_a_missing_one(synced: Simulator, as_alice: Program, path: str) -> None:
    foreign = as_alice.ask(path, tenant="fabrikam")
    absent = as_alice.ask(path, tenant="nowhere0")

    refused(foreign, "tenant")
    assert foreign.content == absent.content


@pytest.mark.parametrize("path", LISTS)
def test_an_older_or_newer_version_is_not_there(as_alice: Program, path: str) -> None:
    for version in ("v2", "v0", "V1", "1", "latest"):
        problem(as_alice.client.get(f"/api/{version}/{path}"), 404)


@pytest.mark.parametrize("path", LISTS)
def test_nobody_is_asked_to_sign_in(db: None, path: str) -> None:
    response = Program(None).ask(path)

    problem(response, 401)
    assert response["WWW-Authenticate"]


@pytest.mark.parametrize("path", LISTS)
def test_no_answer_is_kept_by_a_shared_cache(synced: Simulator, as_alice: Program, path: str) -> None:
    response = as_alice.ask(path)

    assert "Cookie" in response.get("Vary", "") or "no-store" in response.get("Cache-Control", "")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_a_program_that_wants_no_json_is_told_so(as_alice: Program, path: str, accept: str) -> None:
    response: Any = as_alice.client.get(f"/api/v1/{path}", headers={"Accept": accept})

    problem(response, 406)


# --- tenants ----------------------------------------------------------------------------------------------------------


def test_the_parameters_of_these_lists_are_tested_here() -> None:
    assert set(TenantListFilter.base_filters) == {"tenant", "group", "sort"}
    assert set(SubscriptionListFilter.base_filters) == {"tenant", "group", "sort"}
    assert set(SyncListFilter.base_filters) == {"tenant", "group", "kind", "outcome", "sort"}


@pytest.mark.parametrize("path", ["tenants/", "subscriptions/", "syncs/"])
def test_a_group_narrows_every_list(
    synced: Simulator, as_auditor: Program, as_alice: Program, contoso: Tenant, path: str
) -> None:
    group_tenants("ours", [contoso])

    def ids(program: Program, **parameters: str) -> set[str]:
        return {row["id"] for row in program.rows(path, **parameters)}

    assert ids(as_auditor, group="ours") == ids(as_alice, group="ours") == ids(as_alice)
    assert ids(as_alice) < ids(as_auditor)


@pytest.mark.parametrize("path", ["tenants/", "subscriptions/", "syncs/", "resources/"])
def test_a_foreign_and_a_missing_group_are_refused_alike(
    synced: Simulator, as_alice: Program, fabrikam: Tenant, path: str
) -> None:
    group_tenants("theirs", [fabrikam])

    foreign, missing = (problem(as_alice.ask(path, group=name), 400) for name in ("theirs", "theres"))

    assert foreign == missing


def test_tenants_by_name_and_by_date(synced: Simulator, as_auditor: Program, contoso: Tenant, fabrikam: Tenant) -> None:
    in_order = [str(contoso.id), str(fabrikam.id)]

    for word in ("name", "connected_at"):
        assert keys(as_auditor.rows("tenants/", sort=word)) == in_order
        assert keys(as_auditor.rows("tenants/", sort=f"-{word}")) == in_order[::-1]
        assert keys(list(as_auditor.walk("tenants/", sort=word, page_size=1))) == in_order


def test_a_tenant_tells_ones_own_role_and_no_credential(as_alice: Program, contoso: Tenant) -> None:
    told = as_alice.page(f"tenants/{contoso.id}/")

    assert set(told) == {"id", "name", "azure_tenant_id", "cost_export_scope", "status", "connected_at", "role"}
    assert (told["name"], told["role"]) == ("contoso", "admin")


@pytest.mark.parametrize(("who", "role"), [("olga", "operator"), ("bob", "reader"), ("auditor", "reader")])
def test_the_role_is_the_persons_own(contoso: Tenant, request: pytest.FixtureRequest, who: str, role: str) -> None:
    assert Program(request.getfixturevalue(who)).rows("tenants/")[0]["role"] == role


# --- subscriptions ----------------------------------------------------------------------------------------------------


def test_subscriptions_are_those_azure_shows(synced: Simulator, as_auditor: Program) -> None:
    rows = as_auditor.rows("subscriptions/")

    there = [row for name in ("contoso", "fabrikam") for row in synced.truth(name).subscriptions]
    assert sorted((row["subscription_id"], row["name"], row["quota_id"]) for row in rows) == sorted(
        (row.subscription_id.lower(), row.display_name, row.quota_id) for row in there
    )


@pytest.mark.parametrize(("word", "column"), [("name", "name"), ("first_seen_at", "first_seen_at")])
def test_subscriptions_in_order(synced: Simulator, as_auditor: Program, word: str, column: str) -> None:
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        up = [str(key) for key in Subscription.objects.order_by(column, "id").values_list("id", flat=True)]

    assert keys(as_auditor.rows("subscriptions/", sort=word)) == up
    assert keys(as_auditor.rows("subscriptions/", sort=f"-{word}")) == up[::-1]
    assert keys(list(as_auditor.walk("subscriptions/", sort=f"-{word}", page_size=1))) == up[::-1]


def test_a_lost_subscription_stays_with_its_date(synced: Simulator, as_alice: Program, contoso: Tenant) -> None:
    lost = synced.truth("contoso").subscriptions[0].subscription_id
    synced.faults.add(Fault("missing_subscription", subscription=lost))
    sync(contoso)

    dates = {row["subscription_id"]: row["access_lost_at"] for row in as_alice.rows("subscriptions/")}

    assert len(dates) == 2
    assert [key for key, date in dates.items() if date] == [lost.lower()]


# --- syncs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(synced: Simulator, contoso: Tenant) -> list[str]:
    """Contoso's runs, newest first: failed, partial, ok."""
    synced.faults.add(Fault("bad_row", path="ResourceGraph", how="missing_id", times=1))
    assert sync(contoso).outcome == "partial"
    synced.faults.clear()
    synced.faults.add(Fault("forbidden", path="/subscriptions|ResourceGraph"))
    assert sync(contoso).outcome == "failed"
    synced.faults.clear()
    with entered(Scope.of(contoso.id)):
        return [str(key) for key in SyncRun.objects.order_by("-started_at").values_list("id", flat=True)]


def test_runs_are_listed_newest_first(runs: list[str], as_alice: Program) -> None:
    assert keys(as_alice.rows("syncs/")) == runs
    assert keys(as_alice.rows("syncs/", sort="-started_at")) == runs
    assert keys(as_alice.rows("syncs/", sort="started_at")) == runs[::-1]
    assert keys(list(as_alice.walk("syncs/", page_size=1))) == runs


def test_runs_by_outcome_and_kind(runs: list[str], as_alice: Program) -> None:
    told = {word: keys(as_alice.rows("syncs/", outcome=word)) for word in ("failed", "partial", "ok", "running")}

    assert told == {"failed": [runs[0]], "partial": [runs[1]], "ok": [runs[2]], "running": []}
    assert keys(as_alice.rows("syncs/", kind="resources")) == runs


@pytest.mark.parametrize(("parameter", "value"), [("kind", "weather"), ("outcome", "fine"), ("outcome", "OK")])
def test_an_unknown_kind_or_outcome_is_refused(as_alice: Program, parameter: str, value: str) -> None:
    refused(as_alice.ask("syncs/", **{parameter: value}), parameter)


def test_one_run_is_told_with_its_receipts(runs: list[str], as_alice: Program) -> None:
    ok, partial = as_alice.page(f"syncs/{runs[2]}/"), as_alice.page(f"syncs/{runs[1]}/")

    of_resources = [receipt for receipt in ok["receipts"] if receipt["source"] == "resource_graph"]
    assert {receipt["source"] for receipt in ok["receipts"]} == {"resource_graph", "resource_groups"}
    assert sum(receipt["received"] for receipt in of_resources) == ok["received"] == 60
    assert all(receipt["complete"] and receipt["last_complete_at"] for receipt in ok["receipts"])
    assert partial["set_aside"] == 1
    assert [receipt["reason"] != "" for receipt in partial["receipts"]].count(True) >= 1


# --- coverage ---------------------------------------------------------------------------------------------------------


def coverage(program: Program, **parameters: str) -> dict[str, Any]:
    """What the list of resources says about itself."""
    found: dict[str, Any] = program.page("resources/", **parameters)["coverage"]
    return found


def test_coverage_before_any_sync_is_never(as_alice: Program) -> None:
    found = coverage(as_alice)

    assert (found["state"], found["complete_as_of"], found["gaps"]) == ("never", None, [])


def test_coverage_after_a_whole_reading_is_complete(synced: Simulator, as_alice: Program) -> None:
    found = coverage(as_alice)

    assert (found["kind"], found["state"], found["gaps"], found["more_gaps"]) == ("resources", "complete", [], 0)
    assert found["complete_as_of"]


def test_coverage_after_a_partial_reading_names_the_gap(synced: Simulator, as_alice: Program, contoso: Tenant) -> None:
    before = coverage(as_alice)["complete_as_of"]
    synced.faults.add(Fault("bad_row", path="ResourceGraph", how="null_name", times=1))
    sync(contoso)

    found = coverage(as_alice)

    assert found["state"] == "partial"
    assert found["complete_as_of"] == before  # as old as what is known whole
    assert [(gap["tenant"], gap["source"]) for gap in found["gaps"]] == [("contoso", "resource_graph")]
    assert found["gaps"][0]["expected"] == found["gaps"][0]["received"] + 1
    assert found["gaps"][0]["reason"]


def test_coverage_after_a_failed_reading_keeps_the_old_date(runs: list[str], as_alice: Program) -> None:
    found = coverage(as_alice)

    assert found["state"] == "failed"
    assert {gap["tenant"] for gap in found["gaps"]} == {"contoso"}
    assert len(found["gaps"]) == 4  # two subscriptions, each with its resources and its groups


def test_coverage_is_of_the_tenant_asked_for(synced: Simulator, as_auditor: Program, contoso: Tenant) -> None:
    synced.faults.add(Fault("bad_row", path="ResourceGraph", how="null_name", times=1))
    sync(contoso)

    assert coverage(as_auditor)["state"] == "partial"
    assert coverage(as_auditor, tenant="contoso")["state"] == "partial"
    assert coverage(as_auditor, tenant="fabrikam")["state"] == "complete"


def test_coverage_of_a_person_without_tenants_is_never(synced: Simulator) -> None:
    lonely = User.objects.create_user("lonely@nowhere.example")

    page = Program(lonely).page("resources/")

    assert (page["results"], page["coverage"]["state"]) == ([], "never")


# --- me ---------------------------------------------------------------------------------------------------------------


def test_me_tells_who_one_is_and_ones_roles(alice: User, contoso: Tenant, fabrikam: Tenant) -> None:
    assert Program(alice).page("me/") == {
        "id": str(alice.id),
        "email": "alice@contoso.example",
        "name": "Alice",
        "platform_role": "",
        "roles": [{"tenant": str(contoso.id), "tenant_name": "contoso", "role": "admin"}],
    }


def test_me_of_the_auditor_has_the_platform_role_and_no_memberships(auditor: User) -> None:
    told = Program(auditor).page("me/")

    assert (told["platform_role"], told["roles"]) == ("auditor", [])


def test_me_of_nobody_is_401(db: None) -> None:
    problem(Program(None).ask("me/"), 401)
