"""Every address, every person, every method: strangers learn nothing, readers change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import Morsel
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

import orjson
import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import get_resolver
from redis import Redis

from audit.models import ReportFile, ReportFileTenant, SyncRun
from costs.models import CostSlice, Restatement
from governance.access import Role
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.drf import KeysetPagination
from governance.filters import StrictFilterSet
from governance.tenancy import Scope, entered
from inventory.models import HygieneState, Orphan, Resource, ResourceGroup, TagRule, TagViolation
from tenants.actions import group_tenants
from tenants.models import (
    ApiToken,
    Identity,
    Invitation,
    Membership,
    PreflightResult,
    SavedView,
    Subscription,
    Tenant,
    TenantGroup,
    TenantGroupMember,
    User,
)
from tenants.tokens import revoke_token
from tests.api.bearers import let_in, take_b2c, token_of
from tests.conftest import everybody, sync
from tests.portal.crawl import (
    METHODS,
    SAFE,
    Address,
    Side,
    addresses,
    ask,
    client_of,
    comparable,
    demand_a_tag,
    files_of,
    invite_a_guest,
    leaks,
    malformed,
    missing,
    side,
    token_for,
    view_of,
    whose_session_expired,
    with_bearer,
)
from tests.portal.parameters import OF_NOBODY, of_costs, of_resources

# Open to everybody, signed in or not. Everything else is for people.
SIGNING_IN = {
    *("sign-in", "sign-in-password", "sign-in-b2c", "sign-in-b2c-done", "sign-in-oidc", "sign-in-oidc-done"),
    *("not-invited", "sign-out"),
}
PUBLIC = SIGNING_IN | {"tenants:invitation", "healthz", "healthz-data", "schema", "api-docs"}
WATCHED: tuple[type[Model], ...] = (
    Tenant,
    TenantGroup,
    TenantGroupMember,
    Subscription,
    Resource,
    Membership,
    PreflightResult,
    SyncRun,
    ReportFile,
    ReportFileTenant,
    SavedView,
    Orphan,
    ResourceGroup,
    TagRule,
    TagViolation,
    HygieneState,
    Identity,
    Invitation,
    ApiToken,
    CostSlice,
    Restatement,
)
# Pages that only say no to whoever may not do what they are for.
POST_ONLY = {"invitation-resend"}  # it names an object and is no page
FOR_ADMINS = {"tenants:invite-into-group", "tenants:pause", "tenants:remove-person", "portal:off-board"}
FOR_PLATFORM_ADMINS = {"tenants:connect", "tenants:credentials", "tenants:make-group", "tenants:delete-group"}
SIGN_IN = "/sign-in/"
SESSION = "sessionid"
SignedOut: Morsel[str] = Morsel()
# Who comes with something else than an open session, and whom of the people they stand for.
STANDS_FOR = {
    "expired session": "nobody",
    "revoked token": "nobody",
    "token of bob": "bob",
    "token of charlie": "charlie",
    "B2C bearer of bob": "bob",
}
BY_HEADER = tuple(name for name in STANDS_FOR if name != "expired session")


@dataclass(frozen=True, slots=True)
class World:
    """Two tenants, both read, and all the people."""

    contoso: Side
    fabrikam: Side
    people: dict[str, User | None]
    broker: Any
    platforms_files: dict[str, dict[str, str]]
    views: dict[str, str]  # the key of a view that each of them saved
    programs: dict[str, Client]  # of those who come with something else than an open session
    browsers: dict[str, Client] = field(default_factory=dict)

    def browser(self, who: str) -> Client:
        """This person's browser, signed in (again, after a visit that signed them out).

        Signing out ends all sessions that the person of before could open: the account is read anew.
        """
        if who in self.programs:
            return self.programs[who]
        kept, person = self.browsers.get(who), self.people[who]
        if kept is None or (person and not kept.cookies.get(SESSION, SignedOut).value):
            self.browsers[who] = client_of(person and everybody().get(pk=person.pk))
        return self.browsers[who]

    def person(self, who: str) -> User | None:
        """Whom of the people they are."""
        return self.people[STANDS_FOR.get(who, who)]

    def own(self, who: str) -> Side:
        """The tenant that the crawl takes for this person's own."""
        return self.fabrikam if STANDS_FOR.get(who, who) == "charlie" else self.contoso

    def foreign(self, who: str) -> Side:
        """The other one."""
        return self.contoso if self.own(who) is self.fabrikam else self.fabrikam

    def keys(self, who: str) -> dict[str, str]:
        """This person's own objects; a saved view and a file are a person's and not a tenant's."""
        files = self.platforms_files.get(who, {})
        return {**self.own(who).keys, **files, "view": self.views[who]}

    def forbidden(self, who: str) -> frozenset[str]:
        """Words that no answer to this person may hold: nobody else's saved views and tokens among them."""
        who = STANDS_FOR.get(who, who)
        views = {word for other in self.views if other != who for word in (self.views[other], f"view of {other}@")}
        secrets = self.contoso.secrets | self.fabrikam.secrets | views
        if who in {"auditor", "pat"}:
            return secrets
        if who == "nobody":
            return secrets | self.contoso.markers | self.fabrikam.markers
        if who in {"bob", "olga"}:
            secrets |= {self.contoso.keys["token"], "token of alice@"}
        return secrets | self.foreign(who).markers

    def queue(self) -> list[Any]:
        """The tasks that wait at the broker: their arguments."""
        return queue_of(self.broker)


def queue_of(broker: Any) -> list[Any]:
    """The tasks that wait at the broker: their arguments."""
    waiting = [orjson.loads(task) for task in broker.lrange("celery", 0, -1)]
    return [orjson.loads(task["headers"]["argsrepr"].replace("'", '"').replace("None", "null")) for task in waiting]


People = dict[str, User | None]


@pytest.fixture
def people(alice: User, olga: User, bob: User, charlie: User, auditor: User, pat: User) -> dict[str, User | None]:
    """Everybody, by name."""
    return {
        "alice": alice,
        "olga": olga,
        "bob": bob,
        "charlie": charlie,
        "auditor": auditor,
        "pat": pat,
        "nobody": None,
    }


@pytest.fixture
def world(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, people: dict[str, User | None], settings: LazySettings
) -> Iterator[World]:
    """Each tenant read twice: the second time a row was unreadable, so that there are gaps to talk about."""
    sync(contoso)
    sync(fabrikam)
    azure.advance(days=20)
    for tenant, asker in ((contoso, "alice"), (fabrikam, "charlie")):
        azure.faults.add(Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1))
        assert sync(tenant).outcome == "partial"
        azure.faults.clear()
        group_tenants(f"group-of-{tenant.name}", [tenant])
        with entered(Scope.of(tenant.id)):
            SyncRun.objects.update(requested_by=people[asker])
        demand_a_tag(tenant, cast("User", people[asker]))
        invite_a_guest(tenant, cast("User", people[asker]))
    group_tenants("everybody", [contoso, fabrikam])
    # Reports stay queued: rendering three for each test would take most of the time. Their bytes: test_reports.py.
    files = {who: files_of(people[who], made=("export",)) for who in ("alice", "charlie", "auditor", "pat")}
    broker = Redis.from_url(settings.CELERY_BROKER_URL)
    broker.flushdb()
    of_contoso = [people["alice"], people["olga"], people["bob"]]
    programs = programs_of(people, contoso, fabrikam)
    take_b2c(azure, settings)
    programs["B2C bearer of bob"] = with_bearer(token_of(azure, let_in(cast("User", people["bob"]), azure).email))
    yield World(
        contoso=side(azure, contoso, fabrikam, of_contoso, files["alice"]),
        fabrikam=side(azure, fabrikam, contoso, [people["charlie"]], files["charlie"]),
        people=people,
        broker=broker,
        platforms_files={who: files[who] for who in ("auditor", "pat")},
        views={
            name: view_of(user, fabrikam if name == "charlie" else contoso) for name, user in people.items() if user
        },
        programs=programs,
    )
    broker.flushdb()
    broker.close()


def programs_of(people: dict[str, User | None], contoso: Tenant, fabrikam: Tenant) -> dict[str, Client]:
    """Whoever comes with an API token of ours, or with a session that is over."""
    alice, bob, charlie = (cast("User", people[name]) for name in ("alice", "bob", "charlie"))
    revoked = token_for(alice, contoso, Role.ADMIN, name="revoked")
    with entered(Scope.of(contoso.id)):
        revoke_token(revoked.row)
    return {
        "expired session": whose_session_expired(alice),
        "revoked token": with_bearer(revoked.text),
        "token of bob": with_bearer(token_for(bob, contoso, name="of the crawl").text),
        "token of charlie": with_bearer(token_for(charlie, fabrikam, Role.ADMIN, name="of the crawl").text),
    }


PEOPLE = ("alice", "olga", "bob", "charlie", "auditor", "pat", "nobody")
EVERYBODY = (*PEOPLE, *STANDS_FOR)


def stored(*, but: User | None = None) -> dict[str, list[dict[str, Any]]]:
    """Every value, as the database has it, of the tables that readers must not change, own saved views aside."""
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        found = {model.__name__: rows_of(model) for model in WATCHED}
    found["ApiToken"] = [{**row, "last_used_at": None} for row in found["ApiToken"]]  # using one is no change
    found["SavedView"] = [row for row in found["SavedView"] if but is None or not is_key_of(but, row["user_id"])]
    return found


def rows_of(model: type[Model]) -> list[dict[str, Any]]:
    """The table, unread by Django: it is compared hundreds of times."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY "{model._meta.pk.column}"')
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def is_key_of(person: User, key: Any) -> bool:
    """Whether the database means this person, in its own way of keeping a UUID."""
    return str(key).replace("-", "") == person.pk.hex


def without_own_files(rows: dict[str, list[dict[str, Any]]], person: User | None) -> dict[str, list[dict[str, Any]]]:
    """What is stored but for this person's own files: reading out is reading, and leaves a row of one's own."""
    own = {row["id"] for row in rows["ReportFile"] if person and is_key_of(person, row["owner_id"])}
    files = [row for row in rows["ReportFile"] if row["id"] not in own]
    held = [row for row in rows["ReportFileTenant"] if row["file_id"] not in own]
    return {**rows, "ReportFile": files, "ReportFileTenant": held}


def own_files(person: User | None) -> set[str]:
    """The ids of the files a person asked for."""
    every = ReportFile.objects.across_tenants(reason="A test looks at everything.")
    return {str(key) for key in every.filter(owner=person).values_list("id", flat=True)} if person else set()


def body_for(tenant_id: str, person: User | None = None) -> dict[str, Any]:
    """What forms and programs send to any write there is, sent to every address: most of all a role for oneself."""
    sync_now = {"tenant": tenant_id, "kind": "resources", "status": "paused", "role": "admin"}
    view = {"name": "renamed", "list": "resources", "query": f"tenant={tenant_id}", "do": "delete"}
    tag_rule = {"key": "a-new-tag", "is_required": "true", "action": "delete", "days": "30"}
    file = {"format": "csv", "report": "inventory"}
    return {
        **sync_now,
        **file,
        **view,
        **tag_rule,
        "email": person.email if person else "bob@contoso.example",
        "platform_role": "admin",
        "azure_tenant_id": str(uuid4()),
        "client_id": str(uuid4()),
        "secret_ref": "env:NOWHERE",
        "tenants": [tenant_id],
    }


def visit(world: World, who: str, method: str, address: Address, keys: dict[str, str], tenant_id: str) -> Any:
    """One visit, and a look whether the answer says more than this person may know."""
    path = address.path(keys)
    body = None if method in SAFE else body_for(tenant_id, world.person(who))
    response = ask(world.browser(who), method, path, body, as_json=address.is_api)
    # 503 is how the state of the data says that a tenant was never read: the one that pat connects on the way.
    is_fine = response.status_code < 500 or address.view == "healthz-data"
    assert is_fine, f"{who} {method} {path}: {response.status_code}"
    if who in PEOPLE and address.view != "sign-out":
        asked_as = response.wsgi_request.user
        assert (asked_as if asked_as.is_authenticated else None) == world.people[who], f"{who} is signed out"
    found = leaks(response, world.forbidden(who), asked=f"{path} {body}")
    assert not found, f"{who} {method} {path} shows {found[:5]}"
    return response


# --- the crawl itself -------------------------------------------------------------------------------------------------


def leaves(patterns: list[Any]) -> int:
    """How many addresses the URL configuration has, counted without the crawl's own walk."""
    return sum(leaves(entry.url_patterns) if hasattr(entry, "url_patterns") else 1 for entry in patterns)


def route_of(text: str) -> str:
    """Django writes the anchor of an included route or leaves it out."""
    return text.replace("^", "")


def test_the_crawl_reaches_every_address_of_the_url_configuration(world: World) -> None:
    reached = {
        route_of(visit(world, "alice", "GET", address, world.contoso.keys, "").resolver_match.route)
        for address in addresses()
    }

    assert reached == {route_of(address.route) for address in addresses()}
    assert len(reached) == leaves(get_resolver().url_patterns)


def test_a_path_parameter_nobody_explained_fails_the_crawl() -> None:
    with pytest.raises(AssertionError, match="teach the crawl about budget_id of budget"):
        Address("budget", "budgets/<budget_id>/", ("budget_id",)).path(missing())


def test_the_markers_are_many_and_each_side_sees_its_own(world: World) -> None:
    for who in ("alice", "charlie"):
        own = world.own(who)
        page = ask(client_of(world.people[who]), "GET", "/resources/")
        listed = ask(client_of(world.people[who]), "GET", "/api/v1/resources/?page_size=1000&deleted=any")

        assert len(own.markers) > 150
        assert len(leaks(page, own.markers)) > 50
        assert len(leaks(listed, own.markers)) > 100


# --- strangers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY)
def test_no_answer_holds_a_word_of_a_foreign_tenant(world: World, who: str) -> None:
    own, foreign = world.own(who), world.foreign(who)

    for address in addresses():
        kinds_of_keys = [own.keys, foreign.keys] if address.needs_key else [own.keys]
        for keys in kinds_of_keys:
            for method in METHODS:
                visit(world, who, method, address, keys, foreign.keys["tenant"])


@pytest.mark.parametrize(
    "who", ["alice", "olga", "bob", "charlie", "token of bob", "token of charlie", "B2C bearer of bob"]
)
def test_a_foreign_object_answers_like_one_that_does_not_exist(world: World, who: str) -> None:
    foreign, absent, no_key = world.foreign(who).keys, missing(), malformed()

    for address in addresses():
        if not address.needs_key:
            continue
        for method in METHODS:
            answers = []
            for keys in (foreign, absent, no_key):
                response = visit(world, who, method, address, keys, keys["tenant"])
                answers.append(comparable(response, *keys.values()))
            assert answers[0] == answers[1] == answers[2], f"{method} {address.view}"
            if method in SAFE:  # a page takes no token: it asks to sign in, whatever is asked for
                refused = 405 if address.view in POST_ONLY else 404
                assert answers[0][0] == (302 if who in BY_HEADER and not address.is_api else refused), address.view


@pytest.mark.once
@pytest.mark.parametrize("order", [("auditor", "alice", "charlie"), ("charlie", "auditor", "bob"), ("bob", "charlie")])
def test_what_was_kept_for_one_person_is_not_shown_to_the_next(world: World, order: tuple[str, ...]) -> None:
    for who in order:
        for address in addresses():
            if not address.needs_key:
                visit(world, who, "GET", address, {}, "")


@pytest.mark.once
@pytest.mark.parametrize("who", ["alice", "charlie", "auditor", "pat"])
def test_people_reach_their_own_objects(world: World, who: str) -> None:
    refused = {"auditor": FOR_ADMINS | FOR_PLATFORM_ADMINS, "pat": set()}.get(who, FOR_PLATFORM_ADMINS)
    for address in addresses():
        if (address.needs_key or address.view in FOR_PLATFORM_ADMINS) and address.view not in POST_ONLY:
            response = visit(world, who, "GET", address, world.keys(who), "")

            waits = address.view == "report-content"  # no worker made the report yet
            assert response.status_code == (403 if address.view in refused else 409 if waits else 200), address.view


# --- nobody -----------------------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("who", ["nobody", "expired session", "revoked token"])
def test_nobody_is_sent_to_sign_in_or_refused(world: World, who: str) -> None:
    for address in addresses():
        if address.view in PUBLIC:
            continue
        for keys in (world.contoso.keys, world.fabrikam.keys, missing(), malformed()):
            for method in METHODS:
                response = visit(world, who, method, address, keys, keys["tenant"])

                if address.is_api:
                    assert response.status_code == 401, f"{method} {address.view}"
                elif response.status_code != 405:
                    assert response.status_code == 302, f"{method} {address.view}"
                    assert response["Location"].startswith(SIGN_IN)


def test_what_is_public_answers_everybody_alike(world: World) -> None:
    assert {address.view for address in addresses()} >= PUBLIC

    for address in addresses():
        if address.view in PUBLIC - SIGNING_IN - {"tenants:invitation", "healthz-data"}:
            nobody = visit(world, "nobody", "GET", address, {}, "")
            alice = visit(world, "alice", "GET", address, {}, "")

            assert nobody.status_code == 200, address.view
            assert nobody.content == alice.content, address.view


# --- filters ----------------------------------------------------------------------------------------------------------


def subclasses(cls: Any) -> Iterator[Any]:
    """All of them, at any depth."""
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def filter_parameters() -> set[str]:
    """Every parameter any list knows."""
    found = set(StrictFilterSet.passed_through | KeysetPagination.PARAMETERS)
    for filterset in subclasses(StrictFilterSet):
        found |= set(filterset.base_filters)
    return found


def values_of(world: World, who: str) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """Per parameter: own values, foreign ones, and foreign-looking ones that exist nowhere (as long as those)."""
    own, foreign = world.own(who), world.foreign(who)
    mine, theirs = _examples(world, own), _examples(world, foreign)
    nowhere = {name: [str(uuid4()) if len(v) == 36 else "z" * len(v) for v in theirs[name]] for name in theirs}
    return {name: (mine[name], theirs[name], nowhere[name]) for name in mine}


def is_deaf_to(client: Client, address: Address, name: str, value: str) -> bool:
    """Whether a good value, and one that is wrong anywhere, are answered alike: the parameter is not read here."""
    path = address.path({})
    good, wrong = (
        comparable(ask(client, "GET", f"{path}?{urlencode({name: word})}"), word) for word in (value, WRONG_ANYWHERE)
    )
    return good == wrong


def _examples(world: World, one: Side) -> dict[str, list[str]]:
    """What each parameter can be asked of this tenant."""
    return {
        **OF_NOBODY,
        **of_resources(one),
        **of_costs(one),
        "tenant": [one.tenant.name, str(one.tenant.id), one.tenant.name.upper()],
        "group": [f"group-of-{one.tenant.name}"],
        "key": [f"tag-of-{one.tenant.name}"],
        "actor": [f"@{one.tenant.name}.example"],
        "target": [one.tenant.name, str(one.tenant.id)],
        "cursor": [cursor_of(world, "alice" if one is world.contoso else "charlie")],
        "month": [f"{datetime.now(UTC):%Y-%m}"],
    }


PARTS = 4  # of the parameters, so that several processes share the longest crawl of all


def cursor_of(world: World, who: str) -> str:
    """A cursor into this person's own list of resources."""
    page = ask(client_of(world.people[who]), "GET", "/api/v1/resources/?page_size=5").json()
    return str(page["next"].split("cursor=")[1].split("&")[0])


WRONG_ANYWHERE = "*"
WRONG = ("", WRONG_ANYWHERE)


@pytest.mark.once
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("who", ["bob", "charlie", "nobody"])
def test_no_filter_opens_a_foreign_tenant(world: World, who: str, part: int) -> None:
    values, client = values_of(world, who), client_of(world.people[who])

    for name in sorted(filter_parameters())[part::PARTS]:
        assert name in values, f"teach the crawl about the parameter {name}"
        own, foreign, _ = values[name]
        mixed = f"{own[0]},{foreign[0]}"
        questions = [urlencode({name: value}) for value in (*foreign, mixed, *WRONG)]
        questions.append(urlencode([(name, own[0]), (name, foreign[0])]))
        for address in addresses():
            if address.needs_key or address.view in PUBLIC:
                continue
            for number, question in enumerate(questions):
                response = ask(client, "GET", f"{address.path({})}?{question}")
                found = leaks(response, world.forbidden(who), asked=question)
                assert response.status_code < 500
                assert not found, f"{who} {address.view}?{question} shows {found[:5]}"
                if response.status_code in {302, 401} or b"There is no parameter" in response.content:
                    break  # the value makes no difference here: the parameter or the person is refused
                if number == 0 and is_deaf_to(client, address, name, own[0]):
                    break


@pytest.mark.once
@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_a_foreign_value_of_a_filter_answers_like_one_that_exists_nowhere(world: World, who: str) -> None:
    values, client = values_of(world, who), client_of(world.people[who])

    for name in ("tenant", "group", "subscription", "resource_group", "q"):
        _, foreign, nowhere = values[name]
        for address in addresses():
            if address.needs_key or address.view in PUBLIC:
                continue
            ask(client, "GET", address.path({}))  # that they look is written now, and shows in their own trail
            for theirs, nobodys in zip(foreign, nowhere, strict=True):
                answers = [
                    comparable(ask(client, "GET", f"{address.path({})}?{urlencode({name: value})}"), value)
                    for value in (theirs, nobodys)
                ]
                assert answers[0] == answers[1], f"{address.view}?{name}={theirs}"


@pytest.mark.parametrize("who", ["charlie", "nobody"])
def test_public_pages_hold_nothing_of_a_tenant_whatever_is_asked(world: World, who: str) -> None:
    asked = urlencode({name: foreign[0] for name, (_, foreign, _) in values_of(world, who).items()})

    for address in addresses():
        if address.view in PUBLIC:
            response = ask(client_of(world.people[who]), "GET", f"{address.path({})}?{asked}")

            assert not leaks(response, world.forbidden(who), asked=asked), address.view


@pytest.mark.once
@pytest.mark.parametrize("who", PEOPLE)
def test_error_pages_hold_nothing_of_a_foreign_tenant(world: World, who: str) -> None:
    strict = client_of(world.people[who], enforce_csrf_checks=True)
    tenant_id = world.foreign(who).keys["tenant"]

    answers = [
        ask(strict, "GET", "/nowhere/"),
        ask(strict, "GET", "/api/v1/nowhere/"),
        ask(strict, "GET", "/api/v2/resources/"),
        ask(strict, "GET", "/resources/?page=none"),
        ask(strict, "POST", "/syncs/run/", body_for(tenant_id)),
        ask(strict, "POST", "/api/v1/syncs/", body_for(tenant_id), as_json=True),
        ask(strict, "POST", "/exports/", body_for(tenant_id)),
    ]

    for response in answers:
        assert 300 <= response.status_code < 500
        assert not leaks(response, world.forbidden(who), asked=tenant_id)


# --- writes -----------------------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    "who",
    [
        *("bob", "auditor", "charlie", "nobody"),
        *("expired session", "revoked token", "token of bob", "B2C bearer of bob"),
    ],
)
def test_who_may_not_write_changes_nothing_anywhere(world: World, who: str) -> None:
    contoso = world.contoso.keys
    person = world.person(who)
    before = without_own_files(stored(but=person), person)

    for address in addresses():
        for keys in [contoso, missing()] if address.needs_key else [contoso]:
            for method in METHODS:
                visit(world, who, method, address, keys, contoso["tenant"])

    assert without_own_files(stored(but=person), person) == before
    assert {file_id for (file_id,) in world.queue()} <= own_files(person)


@pytest.mark.parametrize("path", ["/syncs/run/", "/api/v1/syncs/"])
class TestRunNow:
    """The write that is asked for most, through both of its doors. Nothing has to be read before."""

    def send(self, person: User | None, path: str, tenant_id: str, **options: Any) -> Any:
        """Ask for a sync of this tenant."""
        body = {"tenant": tenant_id, "kind": "resources"}
        return ask(client_of(person, **options), "POST", path, body, as_json=path.startswith("/api"))

    @pytest.mark.parametrize("who", ["alice", "olga"])
    def test_admin_and_operator_enqueue_exactly_one_task(
        self, people: People, contoso: Tenant, broker: Any, path: str, who: str
    ) -> None:
        tenant_id, person = str(contoso.id), people[who]
        assert person is not None

        response = self.send(people[who], path, tenant_id)

        assert response.status_code in {202, 303}
        assert queue_of(broker) == [[tenant_id, str(person.id)]]

    @pytest.mark.parametrize("who", ["bob", "auditor"])
    def test_reader_and_auditor_are_refused(
        self, people: People, contoso: Tenant, broker: Any, path: str, who: str
    ) -> None:
        response = self.send(people[who], path, str(contoso.id))

        assert response.status_code == 403
        assert queue_of(broker) == []

    def test_a_stranger_is_answered_as_if_there_were_no_such_tenant(
        self, people: People, contoso: Tenant, broker: Any, path: str
    ) -> None:
        there, nowhere = str(contoso.id), str(uuid4())

        foreign = self.send(people["charlie"], path, there)
        absent = self.send(people["charlie"], path, nowhere)

        assert foreign.status_code == 404
        assert comparable(foreign, there) == comparable(absent, nowhere)
        assert queue_of(broker) == []

    def test_nobody_is_turned_away(self, people: People, contoso: Tenant, broker: Any, path: str) -> None:
        response = self.send(people["nobody"], path, str(contoso.id))

        assert response.status_code == (401 if path.startswith("/api") else 302)
        assert queue_of(broker) == []

    def test_without_the_csrf_token_even_the_admin_is_refused(
        self, people: People, contoso: Tenant, broker: Any, path: str
    ) -> None:
        response = self.send(people["alice"], path, str(contoso.id), enforce_csrf_checks=True)

        assert response.status_code == 403
        assert queue_of(broker) == []


def test_with_the_csrf_token_of_the_page_the_admin_is_heard(people: People, contoso: Tenant, broker: Any) -> None:
    client = client_of(people["alice"], enforce_csrf_checks=True)
    client.get("/syncs/")
    token = client.cookies["csrftoken"].value
    tenant_id = str(contoso.id)

    page = client.post("/syncs/run/", {"tenant": tenant_id, "kind": "resources", "csrfmiddlewaretoken": token})
    api = client.post(
        "/api/v1/syncs/",
        {"tenant": tenant_id, "kind": "resources"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )

    assert (page.status_code, api.status_code) == (303, 202)
    assert len(queue_of(broker)) == 2
