"""`manage.py sync`: the exit status is the worst outcome, and a program can read every line."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Outcome, SyncRun
from audit.runs import sync_run
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import sync

KEYS = {
    "tenant",
    "kind",
    "outcome",
    "expected",
    "received",
    "created",
    "changed",
    "gone",
    "set_aside",
    "requests",
    "seconds",
}


def run(*arguments: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = StringIO()
    try:
        call_command("sync", "resources", *arguments, stdout=out)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue()
    return 0, out.getvalue()


def run_json(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status and each line as an object."""
    status, out = run(*arguments, "--json")
    return status, [json.loads(line) for line in out.splitlines()]


def lose_a_subscription(azure: Simulator, tenant: Tenant) -> None:
    """The next run of this tenant is partial: a subscription seen before is not visible any more."""
    sync(tenant)
    there = next(row for row in azure.tenants if row.name == tenant.name)
    azure.faults.add(Fault("missing_subscription", subscription=there.subscription_ids[0]))


@pytest.fixture
def contoso_running_elsewhere(contoso: Tenant) -> Iterator[None]:
    """Another process is at contoso's sync."""
    with sync_run(contoso.id, "resources") as other:
        yield
        with other.page():
            other.conclude(Outcome.FAILED, reason="The test is over.")


def test_ok_is_status_0(azure: Simulator, contoso: Tenant) -> None:
    status, (summary,) = run_json("--tenant", "contoso")

    assert status == 0
    assert set(summary) >= KEYS
    there = len(azure.truth("contoso").resources)
    assert summary["tenant"] == "contoso"
    assert summary["kind"] == "resources"
    assert summary["outcome"] == "ok"
    assert summary["expected"] == summary["received"] == summary["created"] == there
    assert summary["changed"] == summary["gone"] == summary["set_aside"] == 0
    assert summary["requests"] > 0
    assert summary["seconds"] >= 0


def test_the_json_is_what_the_run_stored(azure: Simulator, contoso: Tenant) -> None:
    run_json("--tenant", "contoso")
    azure.advance(days=20)

    _, (summary,) = run_json("--tenant", "contoso")

    with entered(Scope.of(contoso.id)):
        stored = SyncRun.objects.order_by("-started_at", "-id").first()
    for name in sorted(KEYS - {"tenant", "seconds"}):
        assert summary[name] == getattr(stored, name), name
    assert summary["created"] > 0
    assert summary["gone"] > 0


def test_the_words_say_the_same(contoso: Tenant) -> None:
    status, out = run("--tenant", "Contoso")

    assert status == 0
    assert out.startswith("contoso resources: OK. Received ")
    assert "Why:" not in out


def test_failed_is_status_1(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTOSO_CLIENT_SECRET", "wrong")

    status, (summary,) = run_json("--tenant", "contoso")

    assert (status, summary["outcome"], summary["expected"]) == (1, "failed", None)
    assert "AADSTS7000215" in summary["reason"]


def test_the_words_of_a_failure_say_why_and_invent_no_number(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTOSO_CLIENT_SECRET", "wrong")

    status, out = run("--tenant", "contoso")

    assert status == 1
    assert "FAILED. Received 0 of an unknown number" in out
    assert "Why: Sign-in to the tenant failed" in out


def test_partial_is_status_3(azure: Simulator, contoso: Tenant) -> None:
    lose_a_subscription(azure, contoso)

    status, (summary,) = run_json("--tenant", "contoso")

    assert (status, summary["outcome"]) == (3, "partial")
    assert summary["gone"] == 0
    assert summary["reason"]


def test_no_tenant_is_status_4(db: None) -> None:
    status, (summary,) = run_json("--all")

    assert (status, summary["outcome"]) == (4, "nothing_eligible")
    assert set(summary) >= KEYS
    assert "Nothing to do" in run("--all")[1]


def test_only_a_paused_tenant_is_status_4_and_leaves_no_run(contoso: Tenant, everywhere: None) -> None:
    Tenant.objects.update(status=Tenant.Status.PAUSED)

    status, (summary,) = run_json("--all")

    assert (status, summary["outcome"]) == (4, "nothing_eligible")
    assert not SyncRun.objects.exists()


def test_all_runs_every_connected_tenant(contoso: Tenant, fabrikam: Tenant) -> None:
    status, summaries = run_json("--all")

    assert status == 0
    assert sorted((summary["tenant"], summary["outcome"]) for summary in summaries) == [
        ("contoso", "ok"),
        ("fabrikam", "ok"),
    ]


def test_the_worst_outcome_decides(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_a_subscription(azure, contoso)

    status, summaries = run_json("--all")
    assert status == 3
    assert {row["tenant"]: row["outcome"] for row in summaries} == {"contoso": "partial", "fabrikam": "ok"}

    monkeypatch.delenv("FABRIKAM_CLIENT_SECRET")
    status, summaries = run_json("--all")
    assert status == 1
    assert {row["tenant"]: row["outcome"] for row in summaries} == {"contoso": "partial", "fabrikam": "failed"}


def test_one_failure_does_not_stop_the_others(
    contoso: Tenant, fabrikam: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")

    status, summaries = run_json("--all")

    assert status == 1
    assert {row["tenant"]: row["outcome"] for row in summaries} == {"contoso": "failed", "fabrikam": "ok"}


def test_a_sync_that_runs_elsewhere_is_no_success(contoso_running_elsewhere: None) -> None:
    status, (summary,) = run_json("--tenant", "contoso")

    assert (status, summary["outcome"], summary["received"]) == (1, "failed", 0)
    assert "already running" in summary["reason"]


def test_an_unknown_tenant_is_refused(contoso: Tenant, everywhere: None) -> None:
    with pytest.raises(CommandError, match=r"no tenant 'nowhere'\. Known: contoso"):
        run("--tenant", "nowhere")

    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("wrong", [(), ("--tenant", "contoso", "--all"), ("--tenant",), ("--al", "x")])
def test_wrong_usage_is_refused(db: None, wrong: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*wrong)


def test_an_unknown_kind_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("sync", "weather", "--all")
