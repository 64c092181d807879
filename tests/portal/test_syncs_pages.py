"""The pages of syncs: the runs, "Run now" for operators only, and one run with its receipts and set-aside rows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from kombu.exceptions import OperationalError
from redis import Redis

from audit.models import SetAsideRow, SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.portal import syncs
from governance.schedules import KINDS, SYNCS
from governance.tenancy import Scope, entered
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync


@pytest.fixture(autouse=True)
def broker() -> Iterator[Redis]:
    """The broker, empty before the test."""
    with Redis.from_url(django_settings.CELERY_BROKER_URL) as client:
        client.flushdb()
        yield client


def text(answer: Any) -> str:
    """The page without its mark-up's white space."""
    return re.sub(r"\s+", " ", answer.content.decode())


def last_run(tenant: Tenant) -> SyncRun:
    """The newest run."""
    with entered(Scope.of(tenant.id)):
        row: SyncRun = SyncRun.objects.order_by("-started_at", "-id").select_related("tenant").first()
    return row


def runs_shown(page: str) -> list[str]:
    """The ids of the runs that the page links, from top to bottom."""
    return re.findall(r'<a href="/syncs/([0-9a-f-]{36})/">', page)


def run_now(user: User, tenant: Tenant, kind: str = "resources") -> Any:
    """Press the button."""
    return signed_in(user).post("/syncs/run/", {"tenant": str(tenant.id), "kind": kind})


@pytest.mark.parametrize(("who", "buttons"), [("alice", 1), ("olga", 1), ("bob", 0), ("auditor", 0)])
def test_run_now_is_offered_to_operators_only(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, buttons: int
) -> None:
    user = request.getfixturevalue(who)

    page = text(signed_in(user).get("/syncs/"))

    assert page.count(f'name="tenant" value="{contoso.id}"') == buttons * len(SYNCS)
    for schedule in SYNCS:
        assert page.count(f"Run now: {schedule.title} of contoso") == buttons


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("who", "status", "queued"), [("alice", 303, 1), ("olga", 303, 1), ("bob", 403, 0), ("auditor", 403, 0)]
)
def test_run_now_hands_over_one_message(
    contoso: Tenant, request: pytest.FixtureRequest, broker: Redis, who: str, status: int, queued: int, kind: str
) -> None:
    answer = run_now(request.getfixturevalue(who), contoso, kind)

    assert answer.status_code == status
    assert broker.llen("celery") == queued


def test_a_stranger_gets_the_same_as_for_no_tenant(contoso: Tenant, charlie: User, broker: Redis) -> None:
    browser = signed_in(charlie)
    foreign, missing, malformed = (
        browser.post("/syncs/run/", {"tenant": key, "kind": "resources"})
        for key in (str(contoso.id), "01a209d8-045c-773c-afd8-2f72501c3d2f", "contoso")
    )

    assert foreign.status_code == missing.status_code == malformed.status_code == 404
    assert len({re.sub(r'value="\w{64}"', "", text(answer)) for answer in (foreign, missing, malformed)}) == 1
    assert broker.llen("celery") == 0


def test_run_now_says_what_happened(contoso: Tenant, olga: User) -> None:
    browser = signed_in(olga)

    answer = browser.post("/syncs/run/", {"tenant": str(contoso.id), "kind": "resources"}, follow=True)

    assert "The sync of contoso was handed to a worker." in text(answer)
    assert "was handed to a worker." not in text(browser.get("/syncs/"))


def test_a_broker_that_is_down_is_said(contoso: Tenant, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise OperationalError

    monkeypatch.setattr(syncs, "enqueue", refuse)

    answer = signed_in(olga).post("/syncs/run/", {"tenant": str(contoso.id), "kind": "resources"}, follow=True)

    assert answer.status_code == 200
    assert "the broker does not answer" in text(answer)


def test_run_now_needs_a_known_kind_a_post_and_the_csrf_token(contoso: Tenant, olga: User, broker: Redis) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(olga)

    assert run_now(olga, contoso, kind="weather").status_code == 404
    assert signed_in(olga).get("/syncs/run/").status_code == 405
    assert strict.post("/syncs/run/", {"tenant": str(contoso.id), "kind": "resources"}).status_code == 403
    assert broker.llen("celery") == 0


def test_the_runs_are_listed_newest_first(contoso: Tenant, bob: User) -> None:
    assert "Nothing has run yet." in text(signed_in(bob).get("/syncs/"))
    keys = []
    for _ in range(3):
        sync(contoso)
        keys.append(str(last_run(contoso).id))

    page = text(signed_in(bob).get("/syncs/"))

    assert runs_shown(page) == keys[::-1]
    assert "1–3 of 3 runs" in page


def test_filters_of_the_runs(
    contoso: Tenant, fabrikam: Tenant, auditor: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(contoso)
    good = str(last_run(contoso).id)
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(contoso)
    bad = str(last_run(contoso).id)
    sync(fabrikam)
    foreign = str(last_run(fabrikam).id)

    def shown(user: User, **parameters: str) -> set[str]:
        return set(runs_shown(text(signed_in(user).get("/syncs/", parameters))))

    assert shown(auditor) == {good, bad, foreign}
    assert shown(auditor, tenant="contoso") == shown(bob) == {good, bad}
    assert shown(auditor, outcome="failed") == {bad}
    assert shown(auditor, outcome="ok", tenant=str(fabrikam.id)) == {foreign}
    assert shown(auditor, kind="resources") == {good, bad, foreign}
    assert "No run matches these filters" in text(signed_in(bob).get("/syncs/", {"outcome": "partial"}))


@pytest.mark.parametrize(
    "query", ["outcome=great", "kind=weather", "tenant=fabrikam", "nonsense=1", "kind=resources&kind=resources", "page=0"]
)
def test_problems_are_400(contoso: Tenant, fabrikam: Tenant, bob: User, query: str) -> None:
    sync(contoso)

    answer = signed_in(bob).get(f"/syncs/?{query}")

    assert answer.status_code == 400
    assert runs_shown(text(answer)) == []


def test_a_run_shows_its_receipts(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    lost = azure.truth("contoso").subscriptions[0]
    azure.faults.add(Fault("missing_subscription", subscription=lost.subscription_id))
    sync(contoso)
    run = last_run(contoso)

    page = text(signed_in(bob).get(f"/syncs/{run.id}/"))

    assert "Resources of contoso" in page
    assert "Partial" in page
    for subscription in azure.tenants[0].subscription_ids:
        assert f'title="{subscription.lower()}"' in page
    first_row = re.search(r"<tbody> <tr>.*?</tr>", page)
    assert first_row  # gaps first
    assert lost.subscription_id.lower() in first_row.group()
    with entered(Scope.of(contoso.id)):
        reason = run.receipts.get(complete=False, source="resource_graph").reason
    assert reason in page.replace("&#x27;", "'")


def test_a_run_shows_its_set_aside_rows_with_reasons_and_escaped(azure: Simulator, contoso: Tenant, bob: User) -> None:
    azure.faults.add(Fault("bad_row", path="ResourceGraph", how="null_name", row=3))
    sync(contoso)
    run = last_run(contoso)
    with entered(Scope.of(contoso.id)):
        row = SetAsideRow.objects.first()
        SetAsideRow.objects.create(
            tenant=contoso, run=run, azure_id="<script>alert(1)</script>", reason="<script>alert(2)</script>"
        )

    page = text(signed_in(bob).get(f"/syncs/{run.id}/"))

    assert "Rows set aside" in page
    assert row.azure_id in page
    assert row.reason in page.replace("&#x27;", "'").replace("&quot;", '"')
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert" not in page


def test_a_run_that_received_nothing_says_why(contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")
    sync(contoso)

    page = text(signed_in(bob).get(f"/syncs/{last_run(contoso).id}/"))

    assert "The environment variable (withheld) is not set" in page
    assert "The run ended before any source answered" in page
    assert '<dd class="absent">unknown</dd>' in page  # expected: never 0 for unknown


@pytest.mark.parametrize("key", ["01a209d8-045c-773c-afd8-2f72501c3d2f", "abc", "run", "%00", "1"])
def test_a_missing_or_malformed_run_is_404(bob: User, key: str) -> None:
    status = signed_in(bob).get(f"/syncs/{key}/").status_code

    assert status == (405 if key == "run" else 404)
