"""Preflight: each way in which a tenant cannot be read is named with its remedy, and the exit status is 1."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.azure.transport import READER_REMEDY
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import StartAzure, connect

CHECKS = ["token", "subscriptions", "reader", "resource_graph"]
ELSEWHERE = "99999999-9999-4999-8999-999999999999"


def preflight(*arguments: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = StringIO()
    try:
        call_command("preflight", *arguments, stdout=out)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue()
    return 0, out.getvalue()


def checks(tenant: Tenant) -> tuple[int, list[dict[str, Any]]]:
    """The exit status and every check."""
    status, out = preflight(tenant.name, "--json")
    return status, [json.loads(line) for line in out.splitlines()]


def change(tenant: Tenant, **values: Any) -> None:
    """Give the stored connection other values."""
    with entered(Scope.of(tenant.id)):
        assert Tenant.objects.filter(id=tenant.id).update(**values) == 1


def assert_fails_at(tenant: Tenant, name: str, *, finding: str, remedy: str) -> None:
    """The named check fails with its remedy; those before passed; status 1; the words say it too."""
    status, found = checks(tenant)
    assert status == 1
    assert [check["name"] for check in found] == CHECKS
    place = CHECKS.index(name)
    assert [check["passed"] for check in found[: place + 1]] == [True] * place + [False]
    assert finding in found[place]["finding"]
    assert remedy in found[place]["remedy"]
    assert remedy
    status, out = preflight(tenant.name)
    assert status == 1
    assert f"FAILED {name}: " in out
    assert f"Remedy: {found[place]['remedy']}" in out


def assert_not_asked(tenant: Tenant, *names: str) -> None:
    """These checks were not asked and say so."""
    _, found = checks(tenant)
    rest = [check for check in found if check["passed"] is None]
    assert [check["name"] for check in rest] == list(names)
    assert all("Not asked" in check["finding"] for check in rest)


def test_a_readable_tenant_passes(azure: Simulator, contoso: Tenant) -> None:
    status, found = checks(contoso)

    assert status == 0
    assert [(check["name"], check["passed"], check["remedy"]) for check in found] == [
        (name, True, "") for name in CHECKS
    ]
    assert "2 subscription(s)" in found[1]["finding"]
    assert f"{len(azure.truth('contoso').resources)} resource(s)" in found[3]["finding"]


def test_the_words_of_a_readable_tenant(contoso: Tenant) -> None:
    status, out = preflight("CONTOSO")

    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["ok", f"{name}:"] for name in CHECKS]


def test_a_wrong_secret(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTOSO_CLIENT_SECRET", "wr0ng-and-private")

    assert_fails_at(contoso, "token", finding="AADSTS7000215", remedy="Create a new client secret")
    assert_not_asked(contoso, *CHECKS[1:])
    assert "wr0ng-and-private" not in preflight(contoso.name)[1]


def test_a_missing_secret(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")

    assert_fails_at(contoso, "token", finding="CONTOSO_CLIENT_SECRET is not set", remedy="Provide it to every process")


def test_a_missing_token_file(contoso: Tenant) -> None:
    change(contoso, secret_ref="federated:/nowhere/token")

    assert_fails_at(contoso, "token", finding="/nowhere/token does not exist", remedy="Provide it to every process")


def test_an_unknown_client(contoso: Tenant) -> None:
    change(contoso, client_id=ELSEWHERE)

    assert_fails_at(contoso, "token", finding="AADSTS700016", remedy="Check the client id")
    assert_not_asked(contoso, *CHECKS[1:])


def test_an_unknown_tenant(contoso: Tenant) -> None:
    change(contoso, azure_tenant_id=ELSEWHERE)

    assert_fails_at(contoso, "token", finding="authority configuration", remedy="Check the tenant id, and AZURE_AUTH")


def test_azure_cannot_be_reached(azure: Simulator, contoso: Tenant) -> None:
    azure.stop()

    status, found = checks(contoso)

    assert status == 1
    assert [check["passed"] for check in found] == [False, None, None, None]
    assert found[0]["finding"]


def test_no_subscription_is_visible(azure: Simulator, contoso: Tenant) -> None:
    for subscription in azure.tenants[0].subscription_ids:
        azure.faults.add(Fault("missing_subscription", subscription=subscription))

    assert_fails_at(contoso, "subscriptions", finding="0 subscription(s)", remedy=READER_REMEDY)
    assert_not_asked(contoso, "reader", "resource_graph")


def test_the_subscriptions_are_refused(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("forbidden", path="/subscriptions$"))

    assert_fails_at(contoso, "subscriptions", finding="403", remedy=READER_REMEDY)
    assert_not_asked(contoso, "reader", "resource_graph")


def test_only_foreign_subscriptions(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(resources_per_tenant=20, has_delegation=True)
    contoso = connect(azure, "contoso")
    for row in azure.truth("contoso").subscriptions:
        if row.tenant_id == str(contoso.azure_tenant_id):
            azure.faults.add(Fault("missing_subscription", subscription=row.subscription_id))

    assert_fails_at(contoso, "subscriptions", finding="1 of other tenants are visible", remedy=READER_REMEDY)


def test_the_groups_of_one_subscription_are_refused(azure: Simulator, contoso: Tenant) -> None:
    refused = azure.tenants[0].subscription_ids[0]
    azure.faults.add(Fault("forbidden", path=f"{refused}/resourcegroups"))

    assert_fails_at(contoso, "reader", finding="403", remedy=READER_REMEDY)
    _, found = checks(contoso)
    assert found[2]["finding"].count("403") == 1
    assert found[3]["passed"] is True  # the last question is asked all the same


def test_resource_graph_is_refused(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("forbidden", path="ResourceGraph"))

    assert_fails_at(contoso, "resource_graph", finding="403", remedy=READER_REMEDY)


def test_resource_graph_is_down(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("server_error", path="ResourceGraph", status=503))

    status, found = checks(contoso)

    assert status == 1
    assert found[3]["passed"] is False
    assert "503" in found[3]["finding"]


def test_an_unknown_name_lists_the_known(contoso: Tenant) -> None:
    with pytest.raises(CommandError, match=r"no tenant 'nowhere'\. Known: contoso"):
        preflight("nowhere")


def test_preflight_writes_nothing(contoso: Tenant, everywhere: None) -> None:
    before = Tenant.objects.values().get()

    preflight("contoso")

    assert Tenant.objects.values().get() == before
