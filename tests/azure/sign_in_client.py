"""What a browser and a web application do at the simulated identity provider, for tests: no JavaScript, no retries."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from governance.azure.simulator.directory import B2C_DOMAIN, SIGN_IN_POLICY, Person
from governance.azure.simulator.server import Simulator

TIMEOUT_SECONDS = 10
USER_FLOW = f"{B2C_DOMAIN}/{SIGN_IN_POLICY}"
REDIRECT = "https://portal.example/sign-in/done/"
VERIFIER = "a-verifier-of-the-web-application-at-least-43-characters"
ALICE = Person("alice@contoso.example", "Alice", "contoso")
CHARLIE = Person("charlie@fabrikam.example", "Charlie", "fabrikam")
PAT = Person("pat@platform.example", "Pat")  # in the B2C directory only


class SignInClient:
    """One browser, and the application it is signed in to; ``authority`` is the path of a user flow or a tenant."""

    def __init__(self, azure: Simulator, authority: str = USER_FLOW) -> None:
        self.azure = azure
        self.url = f"{azure.url}/{authority}"
        self.application = azure.directory.application
        self.browser = requests.Session()
        self.browser.verify = str(azure.ca_file)
        self.browser.trust_env = False

    def configuration(self) -> dict[str, Any]:
        return self._json("v2.0/.well-known/openid-configuration")

    def published_keys(self) -> list[dict[str, str]]:
        keys: list[dict[str, str]] = self._json("discovery/v2.0/keys")["keys"]
        return keys

    def question(self, **changes: str) -> dict[str, str]:
        """The usual query of the authorize address with these changed; an empty value leaves one out."""
        usual = {
            "client_id": self.application.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": f"openid {self.application.client_id}",
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**usual, **changes}.items() if value}

    def ask(self, **changes: str) -> requests.Response:
        """Open the authorize address."""
        return self._send("GET", self.question(**changes))

    def choose(self, email: str, **changes: str) -> requests.Response:
        """Choose a person on the page."""
        return self._send("POST", self.question(**changes), data={"email": email, "do": "continue"})

    def cancel(self) -> requests.Response:
        return self._send("POST", self.question(), data={"do": "cancel"})

    def code(self, email: str, **changes: str) -> str:
        return answer_of(self.choose(email, **changes))["code"]

    def redeem(self, code: str, **changes: str) -> requests.Response:
        """The token request with these fields changed; an empty value leaves one out."""
        usual = {
            "grant_type": "authorization_code",
            "client_id": self.application.client_id,
            "client_secret": self.application.client_secret,
            "redirect_uri": REDIRECT,
            "code": code,
            "code_verifier": VERIFIER,
        }
        form = {name: value for name, value in {**usual, **changes}.items() if value}
        return self.browser.post(f"{self.url}/oauth2/v2.0/token", data=form, timeout=TIMEOUT_SECONDS)

    def sign_out(self, **query: str) -> requests.Response:
        url = f"{self.url}/oauth2/v2.0/logout"
        return self.browser.get(url, params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def _send(self, method: str, query: dict[str, str], **more: Any) -> requests.Response:
        url = f"{self.url}/oauth2/v2.0/authorize"
        return self.browser.request(method, url, params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)

    def _json(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.browser.get(f"{self.url}/{path}", timeout=TIMEOUT_SECONDS).json()
        return answer


def answer_of(response: requests.Response) -> dict[str, str]:
    """What the redirect told the application."""
    assert response.status_code == 302, response.text
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
