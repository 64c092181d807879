"""Every address there is, taken from the URL configuration, and the two tenants that must not see each other.

Nothing here is a list of addresses: a new one is crawled by itself, and a new path parameter fails the crawl until it
is taught what an own and a foreign object are.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus, urlencode
from uuid import uuid4

import orjson
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from audit.models import AuditEvent, ReportFile, SyncRun
from costs.models import Restatement
from governance.access import Role
from governance.azure.simulator.server import Simulator
from governance.portal.tasks import make_file
from governance.tenancy import Scope, entered
from inventory.actions import TagRuleWish, add_tag_rule
from inventory.models import Orphan, Resource, ResourceChange, ResourceGroup, TagRule, TagViolation
from inventory.violation_store import judge_tenant
from tenants.authorization import access_for
from tenants.invitations import invite
from tenants.models import Invitation, Membership, Subscription, Tenant, TenantGroup, User
from tenants.saved_views import save_view
from tenants.tokens import NewToken, make_token
from tests.costs.crawled import spend, words_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD")
# Which object a path parameter names. `pk` is named by the list it belongs to: "tenant-detail" is a tenant.
OBJECT_OF_PARAMETER = {
    "run_id": "sync",
    "resource_id": "resource",
    "view_id": "view",
    "rule_id": "tag-rule",
    "tenant_id": "tenant",
    "group_id": "tenant-group",
    "membership_id": "membership",
    "invitation_id": "invitation",
    "subscription_id": "subscription",
    "file_id": "export",
    "report_id": "report",
    "token_id": "token",
    "event_id": "audit-event",
    "chain_id": "tenant",
    "restatement_id": "restatement",
}
OBJECTS = (
    *("tenant", "tenant-group", "subscription", "resource", "sync", "membership", "user", "invitation"),
    *("view", "export", "report", "orphan", "change", "tag-rule", "tag-violation", "token", "audit-event"),
    "restatement",
)
CSRF = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')
AGO = re.compile(rb"just now|\d+ \w+ ago")  # a minute may pass between two requests
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SHORTEST_MARKER = 6  # characters; shorter names occur by chance


@dataclass(frozen=True, slots=True)
class Address:
    """One entry of the URL configuration. `route` is how Django itself names what it resolved."""

    view: str
    route: str
    parameters: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        """Whether it answers JSON to programs."""
        return "version" in self.parameters

    @property
    def needs_key(self) -> bool:
        """Whether it names one object."""
        return bool(set(self.parameters) - {"version"})

    def path(self, keys: dict[str, str]) -> str:
        """The address with these objects' keys in it. AssertionError for a parameter nobody explained."""
        return reverse(self.view, kwargs={name: self._value(name, keys) for name in self.parameters})

    def _value(self, parameter: str, keys: dict[str, str]) -> str:
        if parameter == "version":
            return "v1"
        # "invitation-detail", "invitation-resend": what is done to an invitation.
        named = self.view.rpartition("-")[0] if parameter == "pk" else OBJECT_OF_PARAMETER.get(parameter)
        assert named in keys, f"teach the crawl about {parameter} of {self.view}"
        return keys[named]


def addresses() -> list[Address]:
    """All of them."""
    return list(_walk(get_resolver().url_patterns, route="", namespaces=(), parameters=()))


def _walk(
    patterns: list[Any], *, route: str, namespaces: tuple[str, ...], parameters: tuple[str, ...]
) -> Iterator[Address]:
    for entry in patterns:
        here = route + str(entry.pattern)
        named = (*parameters, *entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from _walk(entry.url_patterns, route=here, namespaces=inner, parameters=named)
            continue
        assert isinstance(entry, URLPattern)
        assert entry.name, f"give {here!r} a name, so that the crawl can reach it"
        yield Address(":".join((*namespaces, entry.name)), here, named)


@dataclass(frozen=True, slots=True)
class Side:
    """One tenant as the other one must never see it."""

    tenant: Tenant
    keys: dict[str, str]  # its newest objects, by what a path parameter can name
    markers: frozenset[str]  # words, in lower case, that occur in this tenant only
    secrets: frozenset[str]  # words that nobody may ever see


def missing() -> dict[str, str]:
    """Keys of objects that do not exist anywhere."""
    return dict.fromkeys(OBJECTS, str(uuid4()))


def malformed() -> dict[str, str]:
    """Keys that are none."""
    return dict.fromkeys(OBJECTS, "no-key-'at'-all")


def demand_a_tag(tenant: Tenant, user: User) -> None:
    """A tag rule with words of this tenant's own, judged: so that there are violations too."""
    with entered(Scope.of(tenant.id)):
        wish = TagRuleWish(f"tag-of-{tenant.name}", allowed_values=[f"value-of-{tenant.name}"])
        add_tag_rule(tenant, wish, by=user)
        judge_tenant(tenant.id, now=timezone.now())


def invite_a_guest(tenant: Tenant, user: User) -> None:
    """Somebody with an address of this tenant's own is invited and has not accepted."""
    with entered(Scope.of(tenant.id)):
        invite([tenant], f"guest-of-{tenant.name}@guests.example", Role.READER, by=user)


def side(azure: Simulator, tenant: Tenant, other: Tenant, people: list[User | None], files: dict[str, str]) -> Side:
    """What is to be known of a synced tenant. Its view and `files` are the first person's.

    The view is saved here, and unless something has moved in its costs already, it spends some here.
    """
    there = azure.tenant(tenant.name)
    foreign = orjson.dumps(azure.truth(other.name)).decode().lower()
    asker = next(filter(None, people))
    with entered(Scope.of(tenant.id)):
        if not Restatement.objects.exists():
            spend(tenant)
        token = token_for(asker, tenant).row
        words = _words(azure, tenant, people) | {token.name, str(token.id), token.id.hex}
        keys = {**_keys(tenant), **files, "view": view_of(asker, tenant), "token": str(token.id)}
    markers = {word.lower() for word in words if len(word) >= SHORTEST_MARKER}
    return Side(
        tenant=tenant,
        keys=keys,
        markers=frozenset(word for word in markers if word not in foreign),
        secrets=frozenset({there.client_secret.lower(), there.client_id.lower(), tenant.secret_ref.lower()}),
    )


def _words(azure: Simulator, tenant: Tenant, people: list[User | None]) -> set[str]:
    """What only this tenant's pages may say, within its scope: names, and the keys of its rows."""
    truth = azure.truth(tenant.name)
    rule = TagRule.objects.in_force().order_by("key").first()
    group = TenantGroup.objects.exclude(name="everybody").get()
    return {
        tenant.name,
        str(tenant.id),
        str(tenant.azure_tenant_id),
        *(word for person in people if person for word in (person.email, str(person.id))),
        *(row.name for row in truth.resources),
        *(row.resource_group for row in truth.resources),
        *(row.subscription_id for row in truth.subscriptions),
        *(row.display_name for row in truth.subscriptions),
        *(row.name for row in truth.resource_groups),
        *(group.name, str(group.id)),
        *(rule.key, rule.allowed_values[0]),
        *(str(key) for rows in _rows_with_keys() for key in rows.values_list("id", flat=True)),
        *map(str, Invitation.objects.values_list("letter", flat=True)),
        *Invitation.objects.values_list("email", flat=True),
        *words_of(tenant),
    }


def _rows_with_keys() -> list[QuerySet[Any]]:
    """Whose keys nobody else may be told; of what there is most of, some."""
    every = (SyncRun, Subscription, Membership, Resource, ReportFile, Invitation, AuditEvent)
    judged = (Orphan, ResourceGroup, TagRule)
    some = (ResourceChange, TagViolation)
    return [*(model.objects.all() for model in (*every, *judged)), *(model.objects.all()[:50] for model in some)]


def _keys(tenant: Tenant) -> dict[str, str]:
    """One object of every kind, within the tenant's scope."""
    membership = Membership.objects.order_by("-id").first()
    first = {
        "orphan": Orphan.objects.order_by("name"),
        "change": ResourceChange.objects.order_by("-at", "-id"),
        "tag-rule": TagRule.objects.in_force().order_by("key"),
        "restatement": Restatement.objects.order_by("-at", "-id"),
        "tag-violation": TagViolation.objects.order_by("id"),
        "subscription": Subscription.objects.order_by("name"),
        "resource": Resource.objects.live().order_by("name"),
        "sync": SyncRun.objects.order_by("-started_at"),
        "audit-event": AuditEvent.objects.order_by("-sequence"),
        "invitation": Invitation.objects.order_by("id"),
        "tenant-group": TenantGroup.objects.exclude(name="everybody"),
    }
    return {
        **{name: str(rows.first().id) for name, rows in first.items()},
        "tenant": str(tenant.id),
        "membership": str(membership.id),
        "user": str(membership.user_id),
    }


def token_for(user: User, tenant: Tenant, role: Role = Role.READER, *, name: str = "") -> NewToken:
    """An API token of this person, named after the tenant."""
    with entered(Scope.of(tenant.id)):
        return make_token(user, tenant, name=name or f"token of {user.email} in {tenant.name}", role=role)


def view_of(user: User, tenant: Tenant) -> str:
    """The key of a view that this person saved."""
    name = f"view of {user.email}"
    with entered(access_for(user).scope):
        view, _ = save_view(user.id, listing="resources", name=name, query=f"tenant={tenant.name}")
    return str(view.id)


def client_of(user: User | None, **options: Any) -> Client:
    """A browser of this person; None is nobody."""
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def whose_session_expired(user: User) -> Client:
    """A browser that still sends the cookie of a session that is over."""
    client = client_of(user)
    session = client.session
    session.set_expiry(timezone.now() - timedelta(seconds=1))
    session.save()
    return client


def with_bearer(text: str) -> Client:
    """A program with this token."""
    return Client(headers={"Authorization": f"Bearer {text}"})


def ask(client: Client, method: str, path: str, body: dict[str, Any] | None = None, *, as_json: bool = False) -> Any:
    """One request, its answer read to the end; an exception in a view is the test's exception."""
    if body is None:
        response: Any = client.generic(method, path)
    elif as_json:
        response = client.generic(method, path, orjson.dumps(body), "application/json")
    else:
        response = client.generic(method, path, urlencode(body, doseq=True), FORM)
    if response.streaming:
        response.streaming_content = [b"".join(response.streaming_content)]
    return response


def body_of(response: Any) -> bytes:
    """The bytes of an answer, streamed or not."""
    return b"".join(list(response)) if response.streaming else bytes(response.content)


def files_of(person: User | None, *, made: Collection[str] = ("export", "report"), **options: Any) -> dict[str, str]:
    """The ids of an export and a report that this person asked for, by kind. A worker made those of `made`."""
    client, found = client_of(person, **options), {}
    for kind, wanted in (("export", {"list": "resources", "format": "csv"}), ("report", {"report": "inventory"})):
        found[kind] = str(ask(client, "POST", f"/api/v1/{kind}s/", wanted, as_json=True).json()["id"])
        if kind in made:
            make_file(found[kind])
    return found


FORM = "application/x-www-form-urlencoded"


def said(response: Any) -> str:
    """All that an answer says, headers and cookies of the session aside included, in lower case."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.items())
    return unquote_plus(headers).lower() + "\n" + body_of(response).decode("utf-8", "replace").lower()


def leaks(response: Any, words: frozenset[str], *, asked: str = "") -> list[str]:
    """Which of these words the answer holds, those that the question itself held aside."""
    text, question = said(response), unquote_plus(asked).lower()
    ids = set(GUID.findall(text))  # most words are ids: looked up, not searched for one by one
    return sorted(
        word for word in words if word not in question and (word in ids if GUID.fullmatch(word) else word in text)
    )


def comparable(response: Any, *own: str) -> tuple[int, dict[str, str], bytes]:
    """An answer without what is particular to one request: CSRF token, moment, rest of limits, the question's words."""
    body = AGO.sub(b"", CSRF.sub(b"", body_of(response)))
    kept = {name: value for name, value in response.items() if name not in {"Content-Length", "RateLimit"}}
    headers = {name: unquote_plus(str(value)) for name, value in kept.items()}
    for word in own:
        body = body.replace(word.encode(), b"<asked>")
        headers = {name: value.replace(word, "<asked>") for name, value in headers.items()}
    return response.status_code, headers, body
