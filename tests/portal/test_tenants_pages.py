"""The pages of tenants: the list, one tenant, connecting, credentials, pausing, preflight, off-boarding."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client
from kombu.exceptions import OperationalError
from redis import Redis

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants import views
from tenants.actions import group_tenants, pause_tenant, request_preflight
from tenants.models import PreflightResult, Subscription, Tenant, User
from tenants.tasks import ask_preflight
from tests.conftest import signed_in, sync
from tests.portal.test_resources_page import text


@pytest.fixture(autouse=True)
def broker() -> Iterator[Redis]:
    """The broker, empty before and after the test."""
    with Redis.from_url(django_settings.CELERY_BROKER_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


def stored(tenant: Tenant) -> Tenant:
    """The tenant as it is in the database."""
    with entered(Scope.of(tenant.id)):
        row: Tenant = Tenant.objects.get(id=tenant.id)
    return row


def answer_preflight(tenant: Tenant) -> None:
    """Do the worker's part."""
    with entered(Scope.of(tenant.id)):
        request = PreflightResult.objects.get().request
    ask_preflight(str(tenant.id), str(request))


def cells(page: str, name: str) -> list[str]:
    """The words in the row of this tenant."""
    row = re.search(rf'<tr ?>\s*<th scope="row"[^>]*>(?:(?!</tr>).)*>{name}</a>.*?</tr>', page)
    assert row, f"{name} is not listed"
    return [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row[0])
    ]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_role_state_run_and_subscriptions(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, alice: User, auditor: User
) -> None:
    sync(contoso)
    azure.faults.add(
        Fault("missing_subscription", subscription=azure.truth("contoso").subscriptions[0].subscription_id)
    )
    sync(contoso)

    page = text(signed_in(alice).get("/tenants/"))
    audited = text(signed_in(auditor).get("/tenants/"))

    name, role, state, complete, last_run, visible, lost, people, groups = cells(page, "contoso")
    assert (name, role, state, visible, lost, people, groups) == ("contoso", "Admin", "Partial", "1", "1", "1", "–")
    assert "UTC" in complete
    assert "Partial" in last_run
    assert "fabrikam" not in page
    assert cells(audited, "contoso")[1] == "Reader"
    assert cells(audited, "fabrikam")[2:7] == ["Never", "never read whole", "never", "0", "0"]


@pytest.mark.parametrize(
    ("who", "count"), [("alice", "3"), ("olga", "–"), ("bob", "–"), ("auditor", "3"), ("pat", "3")]
)
def test_the_number_of_people_is_for_those_who_may_see_them(
    contoso: Tenant, alice: User, olga: User, bob: User, request: pytest.FixtureRequest, who: str, count: str
) -> None:
    page = text(signed_in(request.getfixturevalue(who)).get("/tenants/?columns=people"))

    assert cells(page, "contoso") == ["contoso", count]


def test_the_list_can_be_narrowed_to_a_tenant_and_to_a_group(
    contoso: Tenant, fabrikam: Tenant, auditor: User, alice: User
) -> None:
    group_tenants("emea", [fabrikam])
    browser = signed_in(auditor)

    for query in ("tenant=fabrikam", "group=emea"):
        page = text(browser.get(f"/tenants/?{query}"))
        assert cells(page, "fabrikam")[-1] == ("emea")
        assert f'href="/tenants/{contoso.id}/"' not in page
    assert signed_in(alice).get("/tenants/?group=emea").status_code == 400
    assert signed_in(alice).get("/tenants/?tenant=fabrikam").status_code == 400


def test_somebody_without_a_tenant_is_told_whom_to_ask(contoso: Tenant) -> None:
    lonely = User.objects.create_user("lonely@nowhere.example")

    page = text(signed_in(lonely).get("/tenants/"))

    assert "Ask an administrator of a tenant" in page
    assert "Connect a tenant" not in page


# --- one tenant -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("bob", set()),
        ("olga", set()),
        ("alice", {"people", "pause"}),
        ("auditor", {"people"}),
        ("pat", {"people", "pause", "credentials"}),
    ],
)
def test_a_tenant_offers_what_the_person_may_do(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, offered: set[str]
) -> None:
    page = text(signed_in(request.getfixturevalue(who)).get(f"/tenants/{contoso.id}/"))

    assert set(re.findall(rf'href="/tenants/{contoso.id}/(people|pause|credentials)/"', page)) == offered


def test_a_tenant_lists_its_subscriptions_lost_ones_first(azure: Simulator, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    lost = sorted(azure.truth("contoso").subscriptions, key=lambda row: row.display_name)[-1]
    azure.faults.add(Fault("missing_subscription", subscription=lost.subscription_id))
    sync(contoso)

    page = text(signed_in(bob).get(f"/tenants/{contoso.id}/"))

    rows = re.findall(r'<th scope="row" class="wrap" title="([^"]+)"', page)
    assert rows[0] == lost.subscription_id.lower()
    assert len(rows) == 2
    assert page.count("Lost</span>") == 1
    assert "off-board/" not in page  # for admins


@pytest.mark.parametrize("who", ["alice", "pat", "auditor", "bob"])
def test_no_page_tells_the_credentials(contoso: Tenant, request: pytest.FixtureRequest, who: str) -> None:
    browser = signed_in(request.getfixturevalue(who))

    for path in ("", f"{contoso.id}/", f"{contoso.id}/credentials/", f"{contoso.id}/preflight/"):
        said = browser.get(f"/tenants/{path}").content.decode()
        assert contoso.secret_ref.partition(":")[2] not in said
        assert str(contoso.client_id) not in said


# --- connecting and credentials ---------------------------------------------------------------------------------------


def connection(azure: Simulator, there_name: str, **other: str) -> dict[str, str]:
    """What a platform admin fills in to connect a simulated tenant."""
    there = azure.tenant(there_name)
    return {
        "name": there_name,
        "azure_tenant_id": str(there.tenant_id),
        "client_id": str(there.client_id),
        "secret_ref": f"env:{there_name.upper()}_CLIENT_SECRET",
        **other,
    }


def test_a_platform_admin_connects_a_tenant_and_sees_its_preflight(
    azure: Simulator, pat: User, broker: Redis, everywhere: None
) -> None:
    browser = signed_in(pat)

    answer = browser.post("/tenants/connect/", connection(azure, "fabrikam"), follow=True)

    fabrikam = Tenant.objects.get(name="fabrikam")
    assert answer.redirect_chain == [(f"/tenants/{fabrikam.id}/preflight/", 303)]
    assert "fabrikam is connected." in text(answer)
    assert "no worker has answered yet" in text(answer)
    assert broker.llen("celery") == 1
    answer_preflight(fabrikam)
    page = text(browser.get(f"/tenants/{fabrikam.id}/preflight/"))
    assert page.count(">Yes</span>") == 4
    assert "Readable" in page


@pytest.mark.parametrize("who", ["alice", "bob", "auditor"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_else_connects_one(
    azure: Simulator, contoso: Tenant, request: pytest.FixtureRequest, who: str, method: str, everywhere: None
) -> None:
    browser = signed_in(request.getfixturevalue(who))

    answer = getattr(browser, method)("/tenants/connect/", connection(azure, "fabrikam"))

    assert answer.status_code == 403
    assert "This is for platform admins." in text(answer)
    assert not Tenant.objects.filter(name="fabrikam").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "Not A Name", "Use lower-case letters"),
        ("azure_tenant_id", "here", "not a GUID"),
        ("client_id", "", "This field is required"),
        ("secret_ref", "s3cret~pasted-by-mistake", "not a credential reference"),
    ],
)
def test_what_cannot_be_used_is_named_at_its_field_and_secrets_do_not_come_back(
    azure: Simulator, pat: User, everywhere: None, field: str, value: str, words: str
) -> None:
    answer = signed_in(pat).post("/tenants/connect/", connection(azure, "fabrikam", **{field: value}))

    page = text(answer)
    assert answer.status_code == 400
    assert words in page
    control = re.search(rf'<input[^>]*name="{field}"[^>]*>', page)
    assert control
    assert 'aria-invalid="true"' in control[0]
    assert f"id_{field}_error" in control[0]
    assert f'id="id_{field}_error"' in page
    assert "pasted-by-mistake" not in page
    assert "FABRIKAM_CLIENT_SECRET" not in page
    assert not Tenant.objects.filter(name="fabrikam").exists()


def test_a_name_of_another_azure_tenant_is_refused(azure: Simulator, contoso: Tenant, pat: User) -> None:
    wanted = connection(azure, "fabrikam", name="contoso")

    page = text(signed_in(pat).post("/tenants/connect/", wanted))

    assert f"contoso is connected to Azure tenant {contoso.azure_tenant_id} already." in page
    assert stored(contoso).azure_tenant_id == contoso.azure_tenant_id


def test_connecting_again_says_that_it_gave_new_credentials(azure: Simulator, contoso: Tenant, pat: User) -> None:
    page = text(
        signed_in(pat).post("/tenants/connect/", connection(azure, "contoso", secret_ref="env:NEW"), follow=True)
    )

    assert "contoso was connected already; it has the new credentials now." in page
    assert stored(contoso).secret_ref == "env:NEW"


def test_a_platform_admin_sets_new_credentials(contoso: Tenant, pat: User, broker: Redis) -> None:
    client_id = str(uuid4())

    answer = signed_in(pat).post(
        f"/tenants/{contoso.id}/credentials/", {"client_id": client_id, "secret_ref": "federated:/var/run/token"}
    )

    assert (answer.status_code, broker.llen("celery")) == (303, 1)
    assert (stored(contoso).client_id, stored(contoso).secret_ref) == (UUID(client_id), "federated:/var/run/token")


@pytest.mark.parametrize("who", ["alice", "olga", "auditor", "charlie"])
def test_nobody_else_sets_them(contoso: Tenant, request: pytest.FixtureRequest, who: str) -> None:
    browser = signed_in(request.getfixturevalue(who))

    answer = browser.post(
        f"/tenants/{contoso.id}/credentials/", {"client_id": str(uuid4()), "secret_ref": "env:DJANGO_SECRET_KEY"}
    )

    assert answer.status_code == 403  # before anybody looks whether there is such a tenant
    assert stored(contoso).secret_ref == contoso.secret_ref


# --- pausing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "pat"])
def test_an_admin_pauses_and_resumes(contoso: Tenant, request: pytest.FixtureRequest, who: str) -> None:
    browser, path = signed_in(request.getfixturevalue(who)), f"/tenants/{contoso.id}/pause/"
    assert "Pause contoso?" in text(browser.get(path))

    paused = browser.post(path, {"status": "paused"}, follow=True)
    assert "contoso is paused: the schedule starts no sync of it." in text(paused)
    assert "The schedule starts no sync of this tenant while it is paused." in text(paused)
    assert stored(contoso).status == "paused"
    assert "Resume contoso?" in text(browser.get(path))

    resumed = browser.post(path, {"status": "connected"}, follow=True)
    assert "contoso is resumed" in text(resumed)
    assert stored(contoso).status == "connected"


@pytest.mark.parametrize(("who", "status"), [("olga", 403), ("bob", 403), ("auditor", 403), ("charlie", 404)])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_else_pauses(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int, method: str
) -> None:
    browser = signed_in(request.getfixturevalue(who))

    answer = getattr(browser, method)(f"/tenants/{contoso.id}/pause/", {"status": "paused"})

    assert answer.status_code == status
    assert stored(contoso).status == "connected"


def test_pausing_needs_a_known_word_and_the_csrf_token(contoso: Tenant, alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    path = f"/tenants/{contoso.id}/pause/"

    assert signed_in(alice).post(path, {"status": "deleted"}).status_code == 400
    assert signed_in(alice).post(path).status_code == 400
    assert strict.post(path, {"status": "paused"}).status_code == 403
    assert signed_in(alice).put(path).status_code == 405
    assert stored(contoso).status == "connected"


def test_a_paused_tenant_is_not_enqueued_and_is_marked(contoso: Tenant, bob: User) -> None:
    from tenants.dispatch import enqueue_due

    with entered(Scope.of(contoso.id)):
        pause_tenant(contoso)

    assert enqueue_due("resources") == []
    assert cells(text(signed_in(bob).get("/tenants/?columns=status")), "contoso") == ["contoso paused", "Paused"]


# --- preflight --------------------------------------------------------------------------------------------------------


def test_a_no_is_shown_with_what_to_do_and_since_when(azure: Simulator, contoso: Tenant, olga: User, bob: User) -> None:
    azure.faults.add(Fault("forbidden", path="ResourceGraph"))
    browser, path = signed_in(olga), f"/tenants/{contoso.id}/preflight/"
    assert "Nobody has asked Azure" in text(browser.get(path))

    assert browser.post(path).status_code == 303
    answer_preflight(contoso)

    for reader in (browser, signed_in(bob)):
        page = text(reader.get(path))
        assert (page.count(">Yes</span>"), page.count(">No</span>")) == (3, 1)
        assert "What to do:</b> Give the application the role Reader" in page
        assert "As Azure answered on <time" in page
    assert "Not readable" in text(browser.get(f"/tenants/{contoso.id}/"))
    assert "Ask Azure" not in text(signed_in(bob).get(path)).replace("asked Azure", "")


@pytest.mark.parametrize(("who", "status", "queued"), [("alice", 303, 1), ("olga", 303, 1), ("bob", 403, 0)])
def test_operators_ask(
    contoso: Tenant, request: pytest.FixtureRequest, broker: Redis, who: str, status: int, queued: int
) -> None:
    answer = signed_in(request.getfixturevalue(who)).post(f"/tenants/{contoso.id}/preflight/")

    assert (answer.status_code, broker.llen("celery")) == (status, queued)


def test_a_page_that_waits_looks_again_only_for_so_long(
    contoso: Tenant, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with entered(Scope.of(contoso.id)):
        request_preflight(contoso, requested_by=olga)
    path = f"/tenants/{contoso.id}/preflight/"

    assert 'hx-trigger="every 2s"' in text(signed_in(olga).get(path))
    monkeypatch.setattr(views, "WORKER_PATIENCE", views.WORKER_PATIENCE * 0)

    page = text(signed_in(olga).get(path))
    assert "hx-trigger" not in page
    assert "perhaps no worker runs" in page


def test_a_broker_that_is_down_is_said(contoso: Tenant, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise OperationalError

    monkeypatch.setattr(views, "enqueue_preflight", refuse)

    page = text(signed_in(olga).post(f"/tenants/{contoso.id}/preflight/", follow=True))

    assert "the broker does not answer" in page
    assert "Nobody has asked Azure" in page


# --- off-boarding -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(azure: Simulator, contoso: Tenant) -> Subscription:
    """A subscription of contoso that Azure does not show any more."""
    sync(contoso)
    gone = azure.truth("contoso").subscriptions[0].subscription_id
    azure.faults.add(Fault("missing_subscription", subscription=gone))
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        row: Subscription = Subscription.objects.get(subscription_id=gone.lower())
    return row


def live_of(subscription: Subscription) -> int:
    """How many of its resources count as being there."""
    with entered(Scope.of(subscription.tenant_id)):
        return int(Resource.objects.live().filter(subscription=subscription).count())


def test_an_admin_off_boards_a_lost_subscription(contoso: Tenant, alice: User, lost: Subscription) -> None:
    browser, path = signed_in(alice), f"/tenants/{contoso.id}/subscriptions/{lost.id}/off-board/"
    assert path in text(browser.get(f"/tenants/{contoso.id}/"))
    number = live_of(lost)
    assert number
    assert f"Its {number} resources count as deleted" in text(browser.get(path))

    page = text(browser.post(path, follow=True))

    assert f"is off-boarded; {number} of its resources count as deleted" in page
    assert "Gone for good" in page
    assert live_of(lost) == 0
    assert browser.post(path).status_code == 409  # once is enough


@pytest.mark.parametrize(("who", "status"), [("olga", 403), ("bob", 403), ("auditor", 403), ("charlie", 404)])
def test_nobody_else_does(
    contoso: Tenant, lost: Subscription, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    browser = signed_in(request.getfixturevalue(who))

    answer = browser.post(f"/tenants/{contoso.id}/subscriptions/{lost.id}/off-board/")

    assert answer.status_code == status
    assert live_of(lost)


def test_one_that_azure_shows_stays(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        visible = Subscription.objects.first()

    answer = signed_in(alice).post(f"/tenants/{contoso.id}/subscriptions/{visible.id}/off-board/")

    assert answer.status_code == 409
    assert "Azure still shows it." in text(answer)
    assert live_of(visible)


def test_a_subscription_of_another_tenant_is_not_in_this_one(
    contoso: Tenant, fabrikam: Tenant, pat: User, lost: Subscription
) -> None:
    path = f"/tenants/{fabrikam.id}/subscriptions/{lost.id}/off-board/"

    assert (signed_in(pat).get(path).status_code, signed_in(pat).post(path).status_code) == (404, 404)
    assert live_of(lost)
