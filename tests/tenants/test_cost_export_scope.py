"""Where a tenant's cost exports stand: what is a scope, who sets it by which door, and what the trail tells of it."""

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from audit.models import AuditEvent
from audit.verbs import Verb
from governance.azure.cost_scopes import canonical_scope
from governance.tenancy import Scope, entered
from tenants.actions import set_cost_export_scope
from tenants.models import Tenant, User
from tests.api.program import Program, problem, refused
from tests.conftest import signed_in

ACCOUNT = "providers/Microsoft.Billing/billingAccounts/8608480"
PROFILE = (
    "providers/Microsoft.Billing/billingAccounts/"
    "e7c4f5a1-0001-4a52-8d0e-1f2a3b4c5d6e:2d9f8c7b-0002-4a52-8d0e-1f2a3b4c5d6e_2019-05-31/billingProfiles/AB12-CD34-EFG"
)
GROUP = "providers/Microsoft.Management/managementGroups/contoso_(all)"


def stored(tenant: Tenant) -> str:
    """The scope as it is in the database."""
    with entered(Scope.of(tenant.id)):
        return str(Tenant.objects.get(id=tenant.id).cost_export_scope)


def events(tenant: Tenant) -> list[AuditEvent]:
    """What the trail tells of changes of the scope."""
    with entered(Scope.of(tenant.id)):
        return list(AuditEvent.objects.filter(verb=Verb.TENANT_COST_SCOPE_CHANGED).order_by("sequence"))


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        (ACCOUNT, ACCOUNT),
        (f"/{ACCOUNT}/", ACCOUNT),
        (f"  {ACCOUNT.upper()}\n", ACCOUNT),
        (PROFILE, PROFILE),
        (f"{PROFILE}/invoicesections/XY-1", f"{PROFILE}/invoiceSections/XY-1"),
        (f"{ACCOUNT}/departments/123", f"{ACCOUNT}/departments/123"),
        (f"{ACCOUNT}/EnrollmentAccounts/456", f"{ACCOUNT}/enrollmentAccounts/456"),
        (f"{ACCOUNT}/customers/{'c' * 36}", f"{ACCOUNT}/customers/{'c' * 36}"),
        (GROUP, GROUP),
        ("", ""),
        ("  / ", ""),
    ],
)
def test_a_scope_has_one_form(given: str, canonical: str) -> None:
    assert canonical_scope(given) == canonical
    assert canonical_scope(canonical) == canonical


@pytest.mark.parametrize(
    "given",
    [
        "8608480",
        "subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47",
        "providers/Microsoft.Billing/billingAccounts",
        "providers/Microsoft.Billing/billingAccounts/..",
        "providers/Microsoft.Billing/billingAccounts/a?b=c",
        "providers/Microsoft.Billing/billingAccounts/a b",
        f"{ACCOUNT}/invoiceSections/1",
        f"{ACCOUNT}/departments/1/enrollmentAccounts/2",
        f"{ACCOUNT}//departments/1",
        f"{ACCOUNT}/providers/Microsoft.CostManagement/exports/daily",
        f"https://management.azure.com/{ACCOUNT}",
        ACCOUNT + "\x00",
        ACCOUNT + "9" * 600,
    ],
)
def test_what_is_no_scope_is_refused_with_what_to_write(given: str) -> None:
    with pytest.raises(ValueError, match=r"Write providers/Microsoft\.Billing/billingAccounts/ID"):
        canonical_scope(given)


@pytest.mark.django_db
def test_the_verb_tells_the_trail_what_changed_and_nothing_of_what_did_not(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)):
        changes = [set_cost_export_scope(contoso, text) for text in (f"/{ACCOUNT}", ACCOUNT, "")]
        with pytest.raises(ValidationError, match="no scope that cost exports stand at"):
            set_cost_export_scope(contoso, "all of them")

    assert changes == [True, False, True]
    assert stored(contoso) == ""
    assert [(json.loads(row.before), json.loads(row.after)) for row in events(contoso)] == [
        ({"cost_export_scope": ""}, {"cost_export_scope": ACCOUNT}),
        ({"cost_export_scope": ACCOUNT}, {"cost_export_scope": ""}),
    ]


@pytest.mark.django_db
def test_the_command_sets_keeps_and_clears_it(contoso: Tenant) -> None:
    def connect(*flags: str) -> None:
        given = ["--azure-tenant-id", str(contoso.azure_tenant_id), "--client-id", str(contoso.client_id)]
        call_command("connect_tenant", "contoso", *given, "--secret-ref", "env:OTHER", *flags, stdout=StringIO())

    connect("--cost-export-scope", f"/{ACCOUNT}")
    assert stored(contoso) == ACCOUNT
    connect()
    assert stored(contoso) == ACCOUNT
    with pytest.raises(CommandError, match="Write providers"):
        connect("--cost-export-scope", "8608480")
    assert stored(contoso) == ACCOUNT
    connect("--cost-export-scope", "")
    assert stored(contoso) == ""


@pytest.mark.django_db
def test_the_page_of_the_connection_sets_it_without_the_credentials(contoso: Tenant, pat: User, bob: User) -> None:
    browser, path = signed_in(pat), f"/tenants/{contoso.id}/credentials/"

    answer = browser.post(path, {"cost_export_scope": f"/{ACCOUNT}/", "client_id": "", "secret_ref": ""}, follow=True)

    assert answer.redirect_chain == [(f"/tenants/{contoso.id}/", 303)]
    assert stored(contoso) == ACCOUNT
    assert f'value="{ACCOUNT}"' in browser.get(path).content.decode()
    assert ACCOUNT in signed_in(bob).get(f"/tenants/{contoso.id}/").content.decode()
    with entered(Scope.of(contoso.id)):
        assert Tenant.objects.get().secret_ref == contoso.secret_ref
    wrong = browser.post(path, {"cost_export_scope": "8608480"})
    assert (wrong.status_code, stored(contoso)) == (400, ACCOUNT)
    assert "Write providers/Microsoft.Billing" in wrong.content.decode()
    half = browser.post(path, {"cost_export_scope": "", "client_id": str(uuid4()), "secret_ref": ""})
    assert (half.status_code, stored(contoso)) == (400, ACCOUNT)
    assert "or neither to keep what is stored" in half.content.decode()
    assert "reads the cost exports at that scope too." in answer.content.decode()
    same = browser.post(path, {"cost_export_scope": ACCOUNT}, follow=True)
    assert "Nothing was changed" in same.content.decode()
    cleared = browser.post(path, {"cost_export_scope": ""}, follow=True)
    assert "of its subscriptions alone." in cleared.content.decode()
    assert stored(contoso) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(("who", "status"), [("alice", 403), ("olga", 403), ("auditor", 403), ("charlie", 403)])
def test_nobody_else_sets_it_on_the_page(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    answer = signed_in(request.getfixturevalue(who)).post(
        f"/tenants/{contoso.id}/credentials/", {"cost_export_scope": ACCOUNT}
    )

    assert (answer.status_code, stored(contoso), events(contoso)) == (status, "", [])


@pytest.mark.django_db
def test_the_api_sets_tells_and_clears_it(contoso: Tenant, pat: User, bob: User) -> None:
    program, path = Program(pat), f"tenants/{contoso.id}/"

    answer = program.patch(path, {"cost_export_scope": f"/{ACCOUNT}"})

    assert (answer.status_code, answer.json()["cost_export_scope"]) == (200, ACCOUNT)
    assert Program(bob).page(path)["cost_export_scope"] == ACCOUNT
    refused(program.patch(path, {"cost_export_scope": "8608480"}), "cost_export_scope")
    refused(program.patch(path, {"cost_export_scope": None}), "cost_export_scope")
    assert program.patch(path, {"status": "paused"}).json()["cost_export_scope"] == ACCOUNT
    assert program.patch(path, {"cost_export_scope": ""}).json()["cost_export_scope"] == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "status"), [("alice", 403), ("olga", 403), ("bob", 403), ("auditor", 403), ("charlie", 404)]
)
def test_nobody_else_sets_it_through_the_api(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    body: dict[str, Any] = {"status": "paused", "cost_export_scope": ACCOUNT}

    problem(Program(request.getfixturevalue(who)).patch(f"tenants/{contoso.id}/", body), status)

    assert (stored(contoso), events(contoso)) == ("", [])
    with entered(Scope.of(contoso.id)):
        assert Tenant.objects.get().status == "connected"
