"""Who can sign in, to which registered application, and what their tokens say.

People live in one Azure AD B2C directory; those with a home tenant live in that Entra ID tenant too.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.signing_keys import SigningKeys
from governance.azure.simulator.world import Tenant, World

B2C_NAME = "governancepeople"
B2C_DOMAIN = f"{B2C_NAME}.onmicrosoft.com"
SIGN_IN_POLICY = "b2c_1_signupsignin1"
OTHER_POLICY = "b2c_1_passwordreset1"  # its tokens must not sign anybody in
POLICIES = (SIGN_IN_POLICY, OTHER_POLICY)
API_SCOPE = "access"
TOKEN_SECONDS = 3600
MULTI_TENANT = ("common", "organizations")  # the names under which any Entra ID tenant signs in
ENTRA_VERSION = "2.0"
B2C_VERSION = "1.0"


@dataclass(frozen=True)
class Person:
    """``tenant`` names the Entra ID tenant that is their home; empty: they are in the B2C directory only."""

    email: str
    name: str
    tenant: str = ""


@dataclass(frozen=True)
class Application:
    """A registered web application with its secret, and the API that it may ask tokens for."""

    client_id: str
    client_secret: str
    api_client_id: str


@dataclass(frozen=True)
class Authority:
    """Where somebody signs in: a user flow of the B2C directory, a tenant of Entra ID, or any of them."""

    path: str
    policy: str = ""
    tenant: Tenant | None = None

    @property
    def is_b2c(self) -> bool:
        return bool(self.policy)


class Directory:
    """The people, the portal's registration and the signing keys. ``now`` is in seconds since 1970."""

    def __init__(self, world: World, now: Callable[[], float] = time.time) -> None:
        self._world = world
        self._now = now
        self._people: dict[str, Person] = {}
        self.keys = SigningKeys()
        self.id_token_instead: Callable[[dict[str, Any]], str] | None = None  # a fault: another one for these claims
        self.redirect_uris: set[str] = set()
        self.tenant_id = guid(world.seed, B2C_NAME, "tenant")
        self.application = Application(
            client_id=guid(world.seed, "portal", "client"),
            client_secret="sim~" + digest(world.seed, "portal", "secret").hex()[:36],
            api_client_id=guid(world.seed, "api", "client"),
        )

    def add(self, people: Iterable[Person]) -> None:
        for person in people:
            if person.tenant and self._world.tenant(person.tenant) is None:
                raise ValueError(f"{person.email}: there is no tenant '{person.tenant}' in this world.")
            self._people[person.email] = person

    def register(self, *redirect_uris: str) -> None:
        """Let the portal be redirected to these addresses, after signing in and after signing out."""
        self.redirect_uris |= set(redirect_uris)

    def user_flow(self) -> Authority:
        """The one that signs people in."""
        return Authority(f"/{B2C_DOMAIN}/{SIGN_IN_POLICY}", policy=SIGN_IN_POLICY)

    def people_of(self, authority: Authority) -> list[Person]:
        """Who can sign in there, in the order they were added."""
        if authority.is_b2c:
            return list(self._people.values())
        return [person for person in self._people.values() if self._is_at_home(person, authority)]

    def person(self, email: str) -> Person:
        return self._people[email]

    def object_id(self, email: str) -> str:
        """The same in every world of this seed; other than every person's at another address."""
        return guid(self._world.seed, email, "person")

    def authority(self, name: str, policy: str = "") -> Authority | None:
        """Of a user flow of the B2C directory, or of a tenant by ID, domain or name, or ``common``."""
        if policy:
            known = name in (B2C_DOMAIN, self.tenant_id) and policy in POLICIES
            return Authority(f"/{name}/{policy}", policy=policy) if known else None
        if name in MULTI_TENANT:
            return Authority(f"/{name}")
        tenant = self._world.tenant(name)
        return Authority(f"/{tenant.tenant_id}", tenant=tenant) if tenant else None

    def issuer(self, origin: str, authority: Authority, person: Person | None = None) -> str:
        """Without a person as discovery says it: ``common`` leaves the tenant open."""
        if authority.is_b2c:
            return f"{origin}/{self.tenant_id}/v2.0/"
        home = authority.tenant or (self._home(person) if person else None)
        return f"{origin}/{home.tenant_id if home else '{tenantid}'}/v2.0"

    def id_claims(self, origin: str, authority: Authority, person: Person, *, nonce: str = "") -> dict[str, Any]:
        """What an ID token for the portal says."""
        claims = self._claims(origin, authority, person, audience=self.application.client_id)
        return {**claims, "nonce": nonce} if nonce else claims

    def access_claims(
        self, origin: str, authority: Authority, person: Person, *, audience: str = "", scope: str = API_SCOPE
    ) -> dict[str, Any]:
        """What an access token says: for the API, unless another audience is named."""
        audience = audience or self.application.api_client_id
        claims = self._claims(origin, authority, person, audience=audience)
        return {**claims, "scp": scope, "azp": self.application.client_id}

    def id_token(self, claims: dict[str, Any]) -> str:
        """What the token endpoint answers for these claims."""
        return self.id_token_instead(claims) if self.id_token_instead else self.sign(claims)

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
        """A token of exactly these claims, signed with the current key; see ``SigningKeys.sign``."""
        return self.keys.sign(claims, headers)

    def _claims(self, origin: str, authority: Authority, person: Person, *, audience: str) -> dict[str, Any]:
        start, object_id = int(self._now()), self.object_id(person.email)
        common = {
            "iss": self.issuer(origin, authority, person),
            "aud": audience,
            "iat": start,
            "nbf": start,
            "exp": start + TOKEN_SECONDS,
            "oid": object_id,
            "name": person.name,
        }
        if authority.is_b2c:
            policy = {"tfp": authority.policy, "auth_time": start, "emails": [person.email]}
            return {**common, "ver": B2C_VERSION, "sub": object_id, **policy}
        return {
            **common,
            "ver": ENTRA_VERSION,
            "sub": guid(self._world.seed, person.email, "pairwise", audience),
            "tid": (authority.tenant or self._home(person)).tenant_id,
            "preferred_username": person.email,
        }

    def _is_at_home(self, person: Person, authority: Authority) -> bool:
        if not person.tenant:
            return False
        return authority.tenant is None or authority.tenant.tenant_id == self._home(person).tenant_id

    def _home(self, person: Person) -> Tenant:
        home = self._world.tenant(person.tenant)
        if home is None:
            raise ValueError(f"{person.email} has no home tenant.")
        return home
