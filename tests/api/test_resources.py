"""/api/v1/resources/: every documented parameter changes the answer, and the answer is what Azure holds."""

from collections.abc import Callable
from typing import Any

import pytest

from governance.azure.simulator.resources import Resource as TrueResource
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.lists import RESOURCE_SORTS, ResourceListFilter
from inventory.models import Resource
from tenants.actions import group_tenants
from tenants.models import Tenant
from tests.api.program import Program, problem, refused
from tests.conftest import StartAzure, connect, sync


def true_rows(azure: Simulator, *tenants: str) -> list[TrueResource]:
    """What Azure holds."""
    return [row for name in tenants or ("contoso", "fabrikam") for row in azure.truth(name).resources]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The Azure ids of an answer, in lower case and sorted, so that a row given twice is seen."""
    return sorted(row["azure_id"].lower() for row in rows)


def true_ids(rows: list[TrueResource], fits: Callable[[TrueResource], bool]) -> list[str]:
    """The Azure ids that fit."""
    return sorted(row.key for row in rows if fits(row))


def tags_of(row: TrueResource) -> dict[str, str]:
    """A resource's tags as they are compared: letter case and outer spaces aside."""
    return {key.strip().lower(): value.strip().lower() for key, value in (row.tags or {}).items()}


def test_without_parameters_everything_visible_is_listed(synced: Simulator, as_auditor: Program) -> None:
    rows = as_auditor.rows("resources/")

    assert ids(rows) == true_ids(true_rows(synced), lambda row: True)


def test_a_member_sees_exactly_their_own_tenant(synced: Simulator, as_alice: Program) -> None:
    rows = as_alice.rows("resources/")

    assert ids(rows) == true_ids(true_rows(synced, "contoso"), lambda row: True)
    assert {row["tenant_name"] for row in rows} == {"contoso"}


def test_every_parameter_of_the_list_is_tested_here() -> None:
    tested = {"q", "tenant", "group", "subscription", "type", "region", "resource_group", "tag", "deleted", "sort"}

    elsewhere = {"orphaned", "changed_since"}  # test_hygiene.py

    assert set(ResourceListFilter.base_filters) == tested | elsewhere, (
        "a new parameter needs a test that it changes the answer"
    )


@pytest.mark.parametrize("spell", ["name", "NAME", "id"])
def test_tenant_by_name_and_by_id(synced: Simulator, as_auditor: Program, fabrikam: Tenant, spell: str) -> None:
    value = {"name": "fabrikam", "NAME": " FabriKam ", "id": str(fabrikam.id)}[spell]

    rows = as_auditor.rows("resources/", tenant=value)

    assert ids(rows) == true_ids(true_rows(synced, "fabrikam"), lambda row: True)


def test_group_of_tenants(synced: Simulator, as_auditor: Program, as_alice: Program, contoso: Tenant) -> None:
    with entered(Scope.every_tenant(reason="A test makes groups of all tenants.")):
        group_tenants("ours", [contoso])
        group_tenants("everybody", list(Tenant.objects.all()))

    assert ids(as_auditor.rows("resources/", group="OURS")) == true_ids(true_rows(synced, "contoso"), lambda row: True)
    assert ids(as_auditor.rows("resources/", group="everybody")) == true_ids(true_rows(synced), lambda row: True)
    assert as_auditor.rows("resources/", group="ours", tenant="fabrikam") == []
    assert {row["tenant_name"] for row in as_alice.rows("resources/", group="everybody")} == {"contoso"}


def test_subscription(synced: Simulator, as_auditor: Program) -> None:
    wanted = true_rows(synced)[0].subscription_id

    rows = as_auditor.rows("resources/", subscription=wanted.upper())

    expected = true_ids(true_rows(synced), lambda row: row.subscription_id.lower() == wanted.lower())
    assert ids(rows) == expected
    assert 0 < len(expected) < len(true_rows(synced))


def test_type_in_any_letter_case(synced: Simulator, as_auditor: Program) -> None:
    for wanted in {row.type for row in true_rows(synced)}:
        rows = as_auditor.rows("resources/", type=wanted.upper())

        assert ids(rows) == true_ids(true_rows(synced), lambda row, t=wanted: row.type.lower() == t.lower())  # type: ignore[misc]


def test_region(synced: Simulator, as_auditor: Program) -> None:
    for wanted in {row.location for row in true_rows(synced)}:
        rows = as_auditor.rows("resources/", region=wanted.upper())

        assert ids(rows) == true_ids(true_rows(synced), lambda row, r=wanted: row.location == r)  # type: ignore[misc]


def test_resource_group_in_any_letter_case(synced: Simulator, as_auditor: Program) -> None:
    for wanted in sorted({row.resource_group.lower() for row in true_rows(synced)})[:5]:
        rows = as_auditor.rows("resources/", resource_group=wanted.upper())

        assert (
            ids(rows)
            == true_ids(true_rows(synced), lambda row, g=wanted: row.resource_group.lower() == g)  # type: ignore[misc]
            != []
        )


@pytest.mark.parametrize("key", ["environment", "ENVIRONMENT", " Environment ", "owner", "cost-centre", "note"])
def test_tag_by_name_in_any_letter_case(synced: Simulator, as_auditor: Program, key: str) -> None:
    rows = as_auditor.rows("resources/", tag=key)

    assert ids(rows) == true_ids(true_rows(synced), lambda row: key.strip().lower() in tags_of(row)) != []


@pytest.mark.parametrize(
    "tag",
    [
        "environment:prod",
        "Environment:PROD",
        "owner:grace@example.com",
        "status:🔥🚀",
        "note:<script>alert(1)</script>",
        'remark:O\'Brien said "no"; DROP TABLE resources;--',
        "Verantwortliche Stelle:Müller & Söhne, Zürich — 東京",
        'formula:=HYPERLINK("https://evil.example","open")',  # the value itself holds colons
    ],
)
def test_tag_by_name_and_value_in_any_letter_case(synced: Simulator, as_auditor: Program, tag: str) -> None:
    key, _, value = tag.partition(":")

    rows = as_auditor.rows("resources/", tag=tag)

    fitting = true_ids(true_rows(synced), lambda row: tags_of(row).get(key.lower()) == value.lower())
    assert ids(rows) == fitting != []


def test_a_tag_with_an_empty_value_is_not_a_tag_with_any_value(synced: Simulator, as_auditor: Program) -> None:
    assert as_auditor.rows("resources/", tag="owner:") == []


@pytest.mark.parametrize("tag", [":", ":prod", "  :prod"])
def test_a_tag_filter_without_a_name_is_refused(as_alice: Program, tag: str) -> None:
    assert "name" in refused(as_alice.ask("resources/", tag=tag), "tag")


def test_deleted_no_yes_any(synced: Simulator, as_auditor: Program, contoso: Tenant, fabrikam: Tenant) -> None:
    before = set(true_ids(true_rows(synced), lambda row: True))
    synced.advance(days=20)
    after = set(true_ids(true_rows(synced), lambda row: True))
    sync(contoso)
    sync(fabrikam)

    assert set(ids(as_auditor.rows("resources/"))) == after
    assert set(ids(as_auditor.rows("resources/", deleted="no"))) == after
    gone = as_auditor.rows("resources/", deleted="yes")
    assert set(ids(gone)) == before - after != set()
    assert all(row["deleted_at"] for row in gone)
    assert set(ids(as_auditor.rows("resources/", deleted="any"))) == before | after


def test_q_finds_names_that_contain_every_word(synced: Simulator, as_auditor: Program) -> None:
    for words in ("vm", "PROD", "prod web", "  web   prod  "):
        rows = as_auditor.rows("resources/", q=words)

        wanted = words.lower().split()
        assert ids(rows) == true_ids(
            true_rows(synced),
            lambda row, wanted=wanted: all(word in row.name.lower() for word in wanted),  # type: ignore[misc]
        )


@pytest.mark.parametrize("wild", ["%", "_", "\\", "'", "[a-z]", "*"])
def test_q_takes_wildcards_of_databases_literally(synced: Simulator, as_auditor: Program, wild: str) -> None:
    rows = as_auditor.rows("resources/", q=wild)

    assert ids(rows) == true_ids(true_rows(synced), lambda row: wild in row.name)


def test_filters_narrow_together(synced: Simulator, as_auditor: Program) -> None:
    one = true_rows(synced, "contoso")[0]

    rows = as_auditor.rows("resources/", tenant="contoso", type=one.type, region=one.location, q=one.name)

    assert one.key in ids(rows)
    assert ids(rows) == true_ids(
        true_rows(synced, "contoso"),
        lambda row: row.type == one.type and row.location == one.location and one.name.lower() in row.name.lower(),
    )


@pytest.mark.parametrize("word", list(RESOURCE_SORTS))
def test_sort_up_and_down(as_auditor: Program, word: str) -> None:
    column = RESOURCE_SORTS[word]
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        up = list(Resource.objects.live().order_by(column, "id").values_list("id", flat=True))

    assert [row["id"] for row in as_auditor.rows("resources/", sort=word)] == [str(key) for key in up]
    assert [row["id"] for row in as_auditor.rows("resources/", sort=f"-{word}")] == [str(key) for key in reversed(up)]


def test_the_default_order_is_by_name(as_auditor: Program) -> None:
    assert as_auditor.rows("resources/") == as_auditor.rows("resources/", sort="name")


def test_page_size_is_the_number_of_rows(as_auditor: Program) -> None:
    for size in (1, 7, 119, 120, 121, 1000):
        page = as_auditor.page("resources/", page_size=size)

        assert len(page["results"]) == min(size, 120)
        assert (page["next"] is None) == (size >= 120)


def test_without_page_size_a_page_has_100_rows(as_auditor: Program) -> None:
    assert len(as_auditor.page("resources/")["results"]) == 100


@pytest.mark.parametrize("size", ["0", "-1", "1001", "abc", "", "1.5", "１０", "٣", "+5", " 5", "9" * 40, "\x00"])
def test_a_page_size_that_is_no_number_from_1_to_1000_is_refused(as_alice: Program, size: str) -> None:
    refused(as_alice.ask("resources/", page_size=size), "page_size")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("tenant", "nowhere"),
        ("tenant", "00000000-0000-0000-0000-000000000000"),
        ("tenant", "x" * 65),
        ("deleted", "maybe"),
        ("deleted", "YES"),
        ("sort", "id"),
        ("sort", "--name"),
        ("sort", "name,type"),
        ("sort", "tenant__secret_ref"),
        ("q", "x" * 513),
        ("q", "a\x00b"),
        ("tag", "x" * 513),
        ("type", "a\x00b"),
        ("subscription", "\x00"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(as_alice: Program, parameter: str, value: str) -> None:
    refused(as_alice.ask("resources/", **{parameter: value}), parameter)


@pytest.mark.parametrize(
    "parameter",
    [
        "tennant",
        "tenants",
        "limit",
        "offset",
        "page",
        "Tenant",
        "deleted_at",
        "id",
        "format",
    ],
)
def test_an_unknown_parameter_is_refused_by_name(as_alice: Program, parameter: str) -> None:
    assert "no parameter" in refused(as_alice.ask("resources/", **{parameter: "1"}), parameter)


@pytest.mark.parametrize("parameter", ["tenant", "q", "sort", "deleted", "resource_group"])
def test_a_parameter_given_twice_is_refused_by_name(as_alice: Program, parameter: str) -> None:
    value = {"tenant": "contoso", "sort": "name", "deleted": "no"}.get(parameter, "x")

    refused(as_alice.ask("resources/", (parameter, value), (parameter, value)), parameter)


@pytest.mark.parametrize("parameter", ["page_size", "cursor"])
def test_a_parameter_of_paging_given_twice_is_refused_too(as_alice: Program, parameter: str) -> None:
    refused(as_alice.ask("resources/", (parameter, "5"), (parameter, "6")), parameter)


def test_one_resource_is_told_whole(synced: Simulator, as_alice: Program) -> None:
    one = true_rows(synced, "contoso")[0]
    row = next(row for row in as_alice.rows("resources/") if row["azure_id"].lower() == one.key)

    whole = as_alice.page(f"resources/{row['id']}/")

    assert whole["properties"] == one.properties
    assert whole["sku"] == (one.sku or {})
    assert {name: whole[name] for name in row} == row


def test_a_list_does_not_carry_properties(synced: Simulator, as_alice: Program) -> None:
    assert all("properties" not in row for row in as_alice.rows("resources/"))


def test_hostile_tags_come_out_as_they_went_in(synced: Simulator, as_auditor: Program) -> None:
    told = {row["azure_id"].lower(): row["tags"] for row in as_auditor.rows("resources/")}

    assert told == {row.key: row.tags or {} for row in true_rows(synced)}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_resources_are_read_only(as_alice: Program, method: str) -> None:
    problem(getattr(as_alice.client, method)("/api/v1/resources/", {}, content_type="application/json"), 405)


class TestChanges:
    """/api/v1/resources/{id}/changes/."""

    @pytest.fixture
    def changed(self, start_azure: StartAzure, db: None) -> Tenant:
        """A contoso that was read every day for some weeks."""
        azure = start_azure(tenants=1, resources_per_tenant=40)
        contoso = connect(azure, "contoso")
        for _ in range(8):
            sync(contoso)
            azure.advance(days=4)
        return contoso

    def logged(self, tenant: Tenant) -> dict[str, list[Any]]:
        """The log by resource, newest first."""
        found: dict[str, list[Any]] = {}
        with entered(Scope.of(tenant.id)):
            for resource in Resource.objects.all():
                found[str(resource.id)] = list(resource.changes.newest_first())
        return found

    def test_a_timeline_is_what_the_syncs_logged_newest_first(self, changed: Tenant, as_auditor_of: Program) -> None:
        for key, entries in self.logged(changed).items():
            rows = as_auditor_of.rows(f"resources/{key}/changes/")

            assert [row["id"] for row in rows] == [str(entry.id) for entry in entries]
            assert [row["fields"] for row in rows] == [entry.fields for entry in entries]
            assert rows[-1]["kind"] == "created"

    def test_kind_and_sort_change_the_answer(self, changed: Tenant, as_auditor_of: Program) -> None:
        key, entries = max(self.logged(changed).items(), key=lambda item: len({entry.kind for entry in item[1]}))
        path = f"resources/{key}/changes/"

        for kind in ("created", "changed", "deleted", "returned"):
            told = as_auditor_of.rows(path, kind=kind)
            assert [row["id"] for row in told] == [str(entry.id) for entry in entries if entry.kind == kind]
        upwards = as_auditor_of.rows(path, sort="at")
        assert [row["id"] for row in upwards] == [str(entry.id) for entry in reversed(entries)]
        assert len(entries) > 1

    def test_paging_a_timeline_gives_each_entry_once(self, changed: Tenant, as_auditor_of: Program) -> None:
        key, entries = max(self.logged(changed).items(), key=lambda item: len(item[1]))

        walked = list(as_auditor_of.walk(f"resources/{key}/changes/", page_size=1))

        assert [row["id"] for row in walked] == [str(entry.id) for entry in entries]

    @pytest.mark.parametrize("parameter", ["tenant", "q", "type"])
    def test_unknown_parameters_are_refused(self, changed: Tenant, as_auditor_of: Program, parameter: str) -> None:
        key = next(iter(self.logged(changed)))

        refused(as_auditor_of.ask(f"resources/{key}/changes/", **{parameter: "x"}), parameter)

    @pytest.fixture
    def as_auditor_of(self, changed: Tenant) -> Program:
        """The auditor, without a sync of fabrikam."""
        from tests.conftest import person

        return Program(person("audrey@platform.example", platform_role="auditor"))
