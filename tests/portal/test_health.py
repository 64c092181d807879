"""/healthz: the process. /healthz/data: whether the data are true; names only for those who may see them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from audit.models import CoverageReceipt, SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.schedules import schedule_for
from governance.tenancy import Scope, entered
from tenants.models import Tenant, User
from tests.conftest import read_open_month, signed_in, sync


def data_health(user: User | None = None) -> tuple[int, dict[str, Any]]:
    """Status and what is said about resources, with the overall word."""
    answer = signed_in(user).get("/healthz/data")
    body = answer.json()
    return answer.status_code, {"status": body["status"], **body["sources"]["resources"]}


def finish_all_runs(ago: timedelta) -> None:
    """As if every run of the resource sync had ended that long ago."""
    at = timezone.now() - ago
    with entered(Scope.every_tenant(reason="A test ages the runs.")):
        CoverageReceipt.objects.filter(run__kind="resources").update(last_complete_at=at)
        SyncRun.objects.of_kind("resources").update(finished_at=at)


def test_alive(db: None) -> None:
    answer = signed_in(None).get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": True, "cache": True}
    assert "no-store" in answer["Cache-Control"]


def test_a_database_that_is_down_is_503(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatabaseError

    browser = signed_in(None)
    monkeypatch.setattr(connection, "cursor", refuse)
    answer = browser.get("/healthz")
    monkeypatch.undo()

    assert answer.status_code == 503
    assert answer.json() == {"status": "down", "database": False, "cache": True}


@pytest.mark.parametrize("path", ["/healthz", "/healthz/data"])
def test_health_is_only_read(db: None, path: str) -> None:
    assert signed_in(None).post(path).status_code == 405
    assert signed_in(None).head(path).status_code in {200, 503}


def test_without_tenants_nothing_was_read(db: None) -> None:
    status, found = data_health()

    assert (status, found) == (503, {"status": "unhealthy", "state": "never", "complete_as_of": None})


def test_never(contoso: Tenant) -> None:
    status, found = data_health()

    assert (status, found["status"], found["state"], found["complete_as_of"]) == (503, "unhealthy", "never", None)


def test_complete(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    assert data_health()[0] == 503  # its costs were never read

    read_open_month(azure, contoso)

    status, found = data_health()

    assert (status, found["status"], found["state"]) == (200, "ok", "complete")
    assert found["complete_as_of"]


def test_partial_is_told_and_not_unhealthy(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    read_open_month(azure, contoso)
    azure.faults.add(Fault("missing_subscription", subscription=azure.tenants[0].subscription_ids[0]))
    sync(contoso)

    status, found = data_health()

    assert (status, found["status"], found["state"]) == (200, "ok", "partial")


def test_failed(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(contoso)
    whole = data_health()[1]["complete_as_of"]
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(contoso)

    status, found = data_health()

    assert (status, found["status"], found["state"]) == (503, "unhealthy", "failed")
    assert found["complete_as_of"] == whole  # what was known stays known, and dated


def test_stale_after_two_periods(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    read_open_month(azure, contoso)
    two_periods = 2 * schedule_for("resources").every

    finish_all_runs(two_periods - timedelta(minutes=1))
    assert data_health()[0] == 200
    finish_all_runs(two_periods + timedelta(minutes=1))
    assert (data_health()[0], data_health()[1]["state"]) == (503, "stale")


def test_the_worst_tenant_decides_and_its_name_is_for_those_who_may_see_it(
    contoso: Tenant, fabrikam: Tenant, bob: User, charlie: User, auditor: User
) -> None:
    sync(contoso)

    for user, names in ((None, None), (bob, ["contoso"]), (charlie, ["fabrikam"]), (auditor, ["contoso", "fabrikam"])):
        status, found = data_health(user)
        assert (status, found["state"]) == (503, "never")
        told = found.get("tenants")
        assert (told if told is None else [row["tenant"] for row in told]) == names
    states = {row["tenant"]: row["state"] for row in data_health(auditor)[1]["tenants"]}
    assert states == {"contoso": "complete", "fabrikam": "never"}


def test_nobody_reads_no_name_and_no_reason(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(contoso)

    text = signed_in(None).get("/healthz/data").content.decode().lower()

    assert "contoso" not in text
    assert "reason" not in text
