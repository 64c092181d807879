"""Connecting a tenant by command: words, JSON, again, refusals; the secret is never stored."""

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.azure.simulator.server import Simulator
from tenants.models import Tenant
from tests.conftest import sync

AZURE_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OTHER_AZURE_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db48"
CLIENT = "11111111-2222-3333-4444-555555555555"
OTHER_CLIENT = "11111111-2222-3333-4444-666666666666"
NAMES = {"azure_tenant_id": "--azure-tenant-id", "client_id": "--client-id", "secret_ref": "--secret-ref"}
USUAL = {"azure_tenant_id": AZURE_TENANT, "client_id": CLIENT, "secret_ref": "env:NORTHWIND_SECRET"}


def connect_by_command(name: str, *flags: str, **options: str) -> tuple[str, str]:
    """What the command says on standard output and standard error."""
    out, err = StringIO(), StringIO()
    given = [word for key, value in {**USUAL, **options}.items() for word in (NAMES[key], value)]
    call_command("connect_tenant", name, *given, *flags, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORTHWIND_SECRET", "s3cret-of-northwind")


def test_the_words_name_the_tenant_and_the_next_step(db: None, everywhere: None) -> None:
    out, err = connect_by_command("northwind")

    assert f"Connected northwind (Azure tenant {AZURE_TENANT})." in out
    assert "Next: manage.py preflight northwind" in out
    assert err == ""
    tenant = Tenant.objects.get()
    assert (tenant.name, tenant.azure_tenant_id, tenant.client_id, tenant.secret_ref, tenant.status) == (
        "northwind",
        UUID(AZURE_TENANT),
        UUID(CLIENT),
        "env:NORTHWIND_SECRET",
        "connected",
    )


def test_json_is_one_object_and_nothing_else(db: None, everywhere: None) -> None:
    out, _ = connect_by_command("northwind", "--json")

    fact: dict[str, Any] = json.loads(out)
    assert fact == {
        "tenant": "northwind",
        "id": str(Tenant.objects.get().id),
        "azure_tenant_id": AZURE_TENANT,
        "new": True,
    }


def test_a_missing_secret_is_told_and_still_connected(
    db: None, everywhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NORTHWIND_SECRET")

    out, err = connect_by_command("northwind", "--json")

    assert json.loads(out)["new"] is True
    assert "NORTHWIND_SECRET is not set" in err
    assert Tenant.objects.count() == 1


@pytest.mark.parametrize("name", ["northwind", "Northwind", " northwind "])
def test_again_gives_new_credentials_to_the_same_tenant(db: None, everywhere: None, name: str) -> None:
    connect_by_command("northwind")
    before = Tenant.objects.get()

    out, _ = connect_by_command(name, "--json", client_id=OTHER_CLIENT, secret_ref="federated:/var/run/token")

    fact = json.loads(out)
    assert (fact["tenant"], fact["id"], fact["new"]) == ("northwind", str(before.id), False)
    after = Tenant.objects.get()
    assert (after.client_id, after.secret_ref) == (UUID(OTHER_CLIENT), "federated:/var/run/token")
    assert (after.id, after.connected_at, after.azure_tenant_id) == (
        before.id,
        before.connected_at,
        before.azure_tenant_id,
    )


def test_another_azure_tenant_under_the_same_name_is_refused(db: None, everywhere: None) -> None:
    connect_by_command("northwind")

    with pytest.raises(CommandError, match=f"connected to Azure tenant {AZURE_TENANT} already"):
        connect_by_command("northwind", azure_tenant_id=OTHER_AZURE_TENANT, client_id=OTHER_CLIENT)

    tenant = Tenant.objects.get()
    assert (tenant.azure_tenant_id, tenant.client_id) == (UUID(AZURE_TENANT), UUID(CLIENT))


def test_the_same_azure_tenant_under_another_name_is_refused(db: None, everywhere: None) -> None:
    connect_by_command("northwind")

    with pytest.raises(CommandError, match="already exists"):
        connect_by_command("southwind")

    assert [tenant.name for tenant in Tenant.objects.all()] == ["northwind"]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("azure_tenant_id", "contoso.onmicrosoft.com", "--azure-tenant-id .* is not a GUID"),
        ("azure_tenant_id", "", "--azure-tenant-id .* is not a GUID"),
        ("client_id", "72f988bf-86f1-41af-91ab-2d7cd011db4", "--client-id .* is not a GUID"),
        ("secret_ref", "hunter2", "not a credential reference"),
        ("secret_ref", "env:", "not a credential reference"),
        ("secret_ref", "env:   ", "not a credential reference"),
        ("secret_ref", "ENV:NAME", "not a credential reference"),
        ("secret_ref", "file:/etc/passwd", "not a credential reference"),
        ("secret_ref", "env:" + "N" * 600, "at most 512"),
    ],
)
def test_a_bad_option_connects_nothing(db: None, everywhere: None, option: str, value: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        connect_by_command("northwind", **{option: value})

    assert not Tenant.objects.exists()


@pytest.mark.parametrize(
    "name", ["North Wind", "Northwind", "nörth", "north_wind", "n" * 64, "", "north/wind", "<b>", "north\n"]
)
def test_a_bad_name_connects_nothing(db: None, everywhere: None, name: str) -> None:
    with pytest.raises(CommandError):
        connect_by_command(name)

    assert not Tenant.objects.exists()


def test_the_secret_is_in_no_table(azure: Simulator, contoso: Tenant, everywhere: None) -> None:
    sync(contoso)
    secret = azure.tenants[0].client_secret
    assert secret

    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = [table for table in tables if secret in _dump(cursor, table)]
        dumped = "".join(_dump(cursor, table) for table in tables)

    assert found == []
    assert "env:CONTOSO_CLIENT_SECRET" in dumped  # the dump does see what is stored


def _dump(cursor: Any, table: str) -> str:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
    return "\n".join(map(repr, cursor.fetchall()))
