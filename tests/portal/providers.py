"""One browser at the portal and at the simulated identity provider, over HTTPS, as a person drives it."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from django.conf import LazySettings
from django.test import Client

from governance.azure.simulator.directory import B2C_DOMAIN, SIGN_IN_POLICY, Person
from governance.azure.simulator.server import Simulator
from tenants.identities import bind_identity
from tenants.models import User

PORTAL = "http://testserver"
TIMEOUT_SECONDS = 10
LEADS_ON = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
STRANGER = Person("sam@contoso.example", "Sam", "contoso")
PEOPLE = (
    Person("alice@contoso.example", "Alice", "contoso"),
    Person("bob@contoso.example", "Bob", "contoso"),
    Person("charlie@fabrikam.example", "Charlie", "fabrikam"),
    STRANGER,
)


def use_b2c(azure: Simulator, settings: LazySettings) -> None:
    """Let people sign in with the simulated Azure AD B2C."""
    application = azure.directory.application
    settings.SIGN_IN_B2C_HOST = azure.url.removeprefix("https://")
    settings.SIGN_IN_B2C_TENANT = B2C_DOMAIN
    settings.SIGN_IN_B2C_POLICY = SIGN_IN_POLICY.upper()  # written as one likes; the token has its own way
    settings.SIGN_IN_B2C_CLIENT_ID = application.client_id
    settings.SIGN_IN_B2C_CLIENT_SECRET = application.client_secret
    _open(azure, settings, "b2c")


def use_oidc(azure: Simulator, settings: LazySettings, *, tenant: str, allowed: tuple[str, ...] = ()) -> None:
    """Let people sign in with a tenant of the simulated Entra ID, or with the listed ones at "organizations"."""
    known = azure.world.tenant(tenant)
    application = azure.directory.application
    settings.SIGN_IN_OIDC_AUTHORITY = f"{azure.url}/{known.tenant_id if known else tenant}/v2.0"
    settings.SIGN_IN_OIDC_CLIENT_ID = application.client_id
    settings.SIGN_IN_OIDC_CLIENT_SECRET = application.client_secret
    settings.SIGN_IN_OIDC_TENANTS = [azure.tenant(name).tenant_id for name in allowed]
    _open(azure, settings, "oidc")


def _open(azure: Simulator, settings: LazySettings, name: str) -> None:
    settings.SOCIAL_AUTH_VERIFY_SSL = str(azure.ca_file)
    azure.directory.add(PEOPLE)
    azure.directory.register(f"{PORTAL}/sign-in/{name}/done/", f"{PORTAL}/sign-in/")


def let_in(user: User, azure: Simulator, *, by: str = "b2c") -> User:
    """Bind the person's account at the provider."""
    directory = azure.directory
    authority = directory.user_flow() if by == "b2c" else directory.authority("organizations")
    assert authority
    person = directory.person(user.email)
    bind_identity(user, directory.issuer(azure.url, authority, person), directory.object_id(user.email))
    return user


class Browser:
    """The cookies of both."""

    def __init__(self, azure: Simulator, provider: str = "b2c") -> None:
        self.azure = azure
        self.name = provider
        self.portal = Client()
        self.session = requests.Session()
        self.session.verify = str(azure.ca_file)
        self.session.trust_env = False

    def start(self, **form: str) -> str:
        """Press the button: the provider's address that the portal leads to."""
        answer = self.portal.post(f"/sign-in/{self.name}/", form)
        assert answer.status_code == 200, answer.content.decode()
        return leads_to(answer)

    def choose(self, address: str, email: str) -> str:
        """Be this person at the provider: the address that it sends the browser back to."""
        return self._send("POST", address, data={"email": email, "do": "continue"})

    def cancel(self, address: str) -> str:
        """Press Cancel at the provider."""
        return self._send("POST", address, data={"do": "cancel"})

    def go_through(self, address: str) -> str:
        """The address that the provider sends back to without asking anything."""
        return self._send("GET", address)

    def come_back(self, address: str) -> Any:
        """Follow the provider's redirect to the portal."""
        assert address.startswith(PORTAL), address
        return self.portal.get(address.removeprefix(PORTAL))

    def sign_in(self, email: str, **form: str) -> Any:
        """All of it."""
        return self.come_back(self.choose(self.start(**form), email))

    def is_asked(self, address: str) -> bool:
        """Whether the provider shows its page there."""
        answer = self.session.get(address, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        return answer.status_code == 200 and "Who are you?" in answer.text

    def _send(self, method: str, address: str, **more: Any) -> str:
        answer = self.session.request(method, address, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


def leads_to(answer: Any) -> str:
    """Where a page leads on to by itself."""
    found = LEADS_ON.search(answer.content.decode())
    assert found, answer.content.decode()
    return unescape(found[1])


def asked(address: str) -> dict[str, str]:
    """The query of an address."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def changed(address: str, **changes: str | None) -> str:
    """The address with these of its query's fields changed; None leaves one out."""
    query = {name: value for name, value in {**asked(address), **changes}.items() if value is not None}
    return urlunsplit(urlsplit(address)._replace(query=urlencode(query)))


def is_signed_in(client: Client) -> bool:
    """Whether somebody is."""
    return client.get("/api/v1/me/").status_code == 200


def refusal_of(browser: Browser, answer: Any) -> str:
    """What the sign-in page says after a refusal. Nobody is signed in."""
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"].startswith("/sign-in/")
    page = browser.portal.get(answer["Location"]).content.decode()
    assert not is_signed_in(browser.portal)
    assert 'role="alert"' in page
    return page
