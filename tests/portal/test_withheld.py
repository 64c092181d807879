"""What must not be told: not in logs, not on error pages, not in the reasons that a tenant's people read."""

import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from structlog.stdlib import ProcessorFormatter

from audit.models import CoverageReceipt, SyncRun
from governance.azure.simulator.server import Simulator
from governance.telemetry import TaskFailures, logging_config
from governance.tenancy import Scope, entered
from inventory.tasks import sync_resources
from tenants.actions import set_credentials
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.portal.crawl import body_of
from tests.portal.test_headers import break_everything

SECRET = "s3cret-of-contoso"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl"
Read = Callable[[], str]


@pytest.fixture(params=[True, False], ids=["json", "text"])
def written(request: pytest.FixtureRequest) -> Iterator[Read]:
    """What the log of a process says, from INFO on, in the form of production and in that of a terminal."""
    config, out = logging_config(level="INFO", as_json=request.param), StringIO()
    formatter = {name: value for name, value in config["formatters"]["events"].items() if name != "()"}
    handler = logging.StreamHandler(out)
    handler.setFormatter(ProcessorFormatter(**formatter))
    handler.addFilter(TaskFailures())
    root, theirs = logging.getLogger(), logging.getLogger("django_structlog")
    before = root.level, theirs.level
    root.addHandler(handler)
    root.setLevel("INFO")
    theirs.setLevel("INFO")
    yield out.getvalue
    root.removeHandler(handler)
    root.setLevel(before[0])
    theirs.setLevel(before[1])


@pytest.mark.parametrize("path", ["/tenants/", "/api/v1/tenants/", "/resources/"])
def test_an_exception_in_a_request_tells_nobody_its_words(
    contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch, written: Read, path: str
) -> None:
    browser = signed_in(bob)
    browser.raise_request_exception = False
    break_everything(monkeypatch, f"{SECRET} in contoso")

    answer = browser.get(path)

    assert answer.status_code == 500
    assert SECRET not in body_of(answer).decode()
    assert "contoso" not in body_of(answer).decode().replace(bob.email, "")
    assert SECRET not in written()
    assert "contoso" not in written()
    assert "RuntimeError" in written()
    assert "in broken" in written(), "the log says where it was"


def test_an_exception_in_a_task_tells_nobody_its_words(
    contoso: Tenant, monkeypatch: pytest.MonkeyPatch, written: Read
) -> None:
    break_everything(monkeypatch, f"{SECRET} in contoso")

    ended = sync_resources.apply([str(contoso.id)])

    assert ended.failed()
    assert "inventory.tasks.sync_resources" in written()
    assert "RuntimeError" in written()
    assert SECRET not in written()
    assert "contoso" not in written()


def test_an_exception_in_a_run_is_not_its_reason(
    contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch, written: Read
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{SECRET} in contoso")

    monkeypatch.setattr("inventory.sync.bulk.upsert", broken)
    with pytest.raises(RuntimeError):
        sync(contoso)

    (run,) = rows(SyncRun, contoso)
    assert run.reason == f"It ended with RuntimeError. The log tells more under {run.id}."
    assert str(run.id) in written()
    assert SECRET not in written()


def test_what_lets_somebody_in_is_not_in_the_log_of_requests(db: None, bob: User, written: Read) -> None:
    browser = signed_in(bob)
    session = browser.cookies["sessionid"].value
    invitation = "Zm9vYmFyLWludml0YXRpb24tdG9rZW4"

    browser.get(f"/complete/azuread/?code={SECRET}&state={SECRET}-2&next=/resources/")
    browser.get(f"/invitations/{invitation}/")
    browser.get("/api/v1/me/", headers={"Authorization": f"Bearer {TOKEN}"})
    browser.post("/sign-in/", {"username": "bob@contoso.example", "password": SECRET})

    said = written()
    assert "/complete/azuread/?code=(withheld)&state=(withheld)&next=/resources/" in said
    assert "/invitations/(withheld)/" in said
    assert not [word for word in (SECRET, invitation, TOKEN, session) if word in said]


@pytest.mark.parametrize(
    "words",
    [
        f"Authorization: Bearer {TOKEN}",
        f"token {TOKEN}",
        f"AccountName=contoso;AccountKey={SECRET};EndpointSuffix=core.windows.net",
        f"mssql://governance:{SECRET}@db.example.com/governance",
        f"https://contoso.blob.core.windows.net/exports/x?sp=r&sig={SECRET}",
        f"client_secret={SECRET}&grant_type=client_credentials",
    ],
)
def test_what_lets_somebody_in_is_withheld_wherever_it_is_said(written: Read, words: str) -> None:
    logging.getLogger("some.library").warning("It said %s", words)
    logging.getLogger("some.library").warning("It said", extra={"more": words})

    assert "It said" in written()
    assert "(withheld)" in written()
    assert SECRET not in written()
    assert TOKEN not in written()


def test_the_log_names_the_address_that_our_proxy_saw(settings: LazySettings, db: None, written: Read) -> None:
    settings.TRUSTED_PROXY_HOPS = 1

    Client().get("/sign-in/", headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"})

    assert "203.0.113.7" in written()
    assert "198.51.100.9" not in written()


# --- reasons ----------------------------------------------------------------------------------------------------------


def rows(model: Any, tenant: Tenant) -> list[Any]:
    """All of a tenant's rows."""
    with entered(Scope.of(tenant.id)):
        return list(model.objects.all())


@pytest.mark.parametrize("credentials", ["unknown application", "no secret"])
def test_the_reason_of_a_run_does_not_tell_the_credentials(
    azure: Simulator, contoso: Tenant, bob: User, written: Read, credentials: str
) -> None:
    sync(contoso)
    secret_ref = "env:NOWHERE_TO_BE_FOUND" if credentials == "no secret" else contoso.secret_ref
    client_id = contoso.client_id if credentials == "no secret" else uuid4()
    with entered(Scope.of(contoso.id)):
        set_credentials(contoso, client_id=client_id, secret_ref=secret_ref)

    summary = sync(contoso)

    told = "NOWHERE_TO_BE_FOUND" if credentials == "no secret" else str(client_id)
    assert told in summary.reason, "who runs the command reads all of it"
    assert told in written(), "and so does who reads the log"
    reasons = [row.reason for model in (SyncRun, CoverageReceipt) for row in rows(model, contoso)]
    assert any("(withheld)" in reason for reason in reasons)
    browser = signed_in(bob)
    newest = max(rows(SyncRun, contoso), key=lambda run: run.started_at)
    for path in ("/", "/syncs/", f"/syncs/{newest.id}/", "/resources/", "/api/v1/syncs/", "/api/v1/resources/"):
        body = body_of(browser.get(path)).decode()
        assert told.lower() not in body.lower(), path
