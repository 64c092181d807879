import threading
from pathlib import Path

import pytest

from governance.azure.simulator.application import Application
from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import World
from tests.azure.simulator_client import Caller


def test_health_needs_no_token(contoso_caller: Caller) -> None:
    contoso_caller.authorization = ""

    assert contoso_caller.control("GET", "health").json() == {
        "status": "ok",
        "day": 0,
        "date": "2026-01-01",
    }


def test_truth_lists_the_tenants_with_counts(contoso_caller: Caller) -> None:
    answer = contoso_caller.control("GET", "truth").json()

    assert [row["name"] for row in answer["tenants"]] == ["contoso", "fabrikam"]
    assert answer["tenants"][0]["tenantId"] == contoso_caller.tenant.tenant_id
    assert answer["tenants"][0]["counts"]["resources"] == 60


@pytest.mark.parametrize("attribute", ["name", "tenant_id"])
def test_truth_of_a_tenant_is_complete(small_azure: Simulator, contoso_caller: Caller, attribute: str) -> None:
    answer = contoso_caller.control("GET", f"truth/{getattr(contoso_caller.tenant, attribute)}").json()

    expected = small_azure.truth("contoso").resources
    assert [row["id"] for row in answer["resources"]] == [row.id for row in expected]
    assert [row["properties"] for row in answer["resources"]] == [row.properties for row in expected]
    assert [row["orphan_reason"] for row in answer["resources"]] == [row.orphan_reason for row in expected]


def test_truth_of_nobody_is_not_found(contoso_caller: Caller) -> None:
    assert contoso_caller.control("GET", "truth/nobody").status_code == 404


def test_faults_are_set_reported_and_cleared(contoso_caller: Caller) -> None:
    contoso_caller.control("POST", "faults", {"kind": "forbidden", "path": "ResourceGraph", "times": 1})
    assert [contoso_caller.graph().status_code, contoso_caller.graph().status_code] == [403, 200]
    assert contoso_caller.control("GET", "faults").json()["faults"][0]["fired"] == 1

    contoso_caller.control("DELETE", "faults")

    assert contoso_caller.control("GET", "faults").json()["faults"] == []


@pytest.mark.parametrize("body", [{"kind": "earthquake"}, {"kind": "slow", "colour": "red"}, {}])
def test_unknown_fault_is_refused(contoso_caller: Caller, body: dict[str, str]) -> None:
    assert contoso_caller.control("POST", "faults", body).status_code == 400


def test_clock_moves_the_world(small_azure: Simulator, contoso_caller: Caller) -> None:
    before = {row["id"].lower() for row in contoso_caller.graph_rows()}

    assert contoso_caller.control("POST", "clock", {"advance_days": 3}).json()["day"] == 3

    assert {row["id"].lower() for row in contoso_caller.graph_rows()} != before
    assert contoso_caller.control("POST", "clock", {"day": 0}).json()["day"] == 0
    assert {row["id"].lower() for row in contoso_caller.graph_rows()} == before


@pytest.mark.parametrize("body", [{"advance_days": -1}, {"advance_days": "two"}, {}])
def test_clock_refuses_nonsense(contoso_caller: Caller, body: dict[str, object]) -> None:
    assert contoso_caller.control("POST", "clock", body).status_code == 400


def test_requests_are_logged_without_control_calls(contoso_caller: Caller) -> None:
    contoso_caller.control("DELETE", "requests")
    contoso_caller.get("/subscriptions")

    answer = contoso_caller.control("GET", "requests").json()

    assert answer["requests"] == [{"method": "GET", "path": "/subscriptions"}]
    assert answer["counts"] == {"GET /subscriptions": 1}


def test_quota_is_switched_over_http(contoso_caller: Caller) -> None:
    assert contoso_caller.control("POST", "quota", {"enforce": True}).json() == {"enforce": True}

    assert [contoso_caller.graph(top=1).status_code for _ in range(16)][-1] == 429


def test_unknown_control_call_is_not_found(contoso_caller: Caller) -> None:
    assert contoso_caller.control("POST", "health").status_code == 404
    assert contoso_caller.control("GET", "nothing").status_code == 404


def test_control_surface_is_closed_to_strangers() -> None:
    statuses: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/_simulator/health", "REMOTE_ADDR": "192.0.2.7"}

    Application(World())({**environ, "wsgi.input": None}, lambda status, _headers: statuses.append(status))

    assert statuses == ["403 Forbidden"]


def test_stop_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    with Simulator(folder=tmp_path) as small_azure, Caller(small_azure, small_azure.tenant("contoso")) as caller:
        caller.get("/subscriptions")

    assert set(threading.enumerate()) == before


def test_restart_keeps_the_certificate_authority_and_the_port_is_refused_twice(tmp_path: Path) -> None:
    with Simulator(folder=tmp_path) as first:
        authority = first.ca_file.read_bytes()
        with pytest.raises(OSError, match="in use"):
            Simulator(folder=tmp_path, port=first.port).start()

    with Simulator(folder=tmp_path) as second:
        assert second.ca_file.read_bytes() == authority
