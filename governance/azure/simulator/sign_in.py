"""People sign in: the authorization code flow of Azure AD B2C and of Entra ID, with PKCE enforced, and signing out.

https://learn.microsoft.com/azure/active-directory-b2c/openid-connect
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from governance.azure.simulator import sign_in_pages
from governance.azure.simulator.directory import API_SCOPE, B2C_DOMAIN, TOKEN_SECONDS, Authority, Directory, Person
from governance.azure.simulator.exchange import Request, Response, json_response
from governance.azure.simulator.sign_in_errors import SignInError
from governance.azure.simulator.signing_keys import ALGORITHM

CODE_SECONDS = 300
SESSION_COOKIE = "simulator_session"
ASKS_AGAIN = {"login", "select_account"}  # values of prompt
VERIFIER_LENGTHS = range(43, 129)  # RFC 7636, 4.1


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for."""

    path: str
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    nonce: str
    person: Person
    expires_at: float


class SignIn:
    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._grants: dict[str, Grant] = {}
        self._sessions: dict[str, Person] = {}
        self._lock = threading.Lock()

    def discover(self, request: Request, name: str, policy: str = "") -> Response:
        return self._at(name, policy, lambda authority: json_response(self._configuration(request, authority)))

    def key_set(self, request: Request, name: str, policy: str = "") -> Response:
        return self._at(name, policy, lambda authority: json_response(self._key_set(request, authority)))

    def authorize(self, request: Request, name: str, policy: str = "") -> Response:
        """The page that asks who one is; to whom is signed in already, the answer at once."""
        return self._asked(request, name, policy, self._ask)

    def choose(self, request: Request, name: str, policy: str = "") -> Response:
        """What was chosen on that page."""
        return self._asked(request, name, policy, self._take_choice)

    def redeem(self, request: Request, name: str, policy: str = "") -> Response:
        """A code for tokens."""
        return self._at(name, policy, lambda authority: json_response(self._tokens(request, authority)))

    def sign_out(self, request: Request, _name: str, _policy: str = "") -> Response:
        with self._lock:
            self._sessions.pop(request.cookies.get(SESSION_COOKIE, ""), None)
        target = request.query.get("post_logout_redirect_uri", "")
        if target not in self._directory.redirect_uris:
            return sign_in_pages.signed_out()
        state = {"state": request.query["state"]} if "state" in request.query else {}
        return _redirect(target, state)

    def _at(self, name: str, policy: str, answer: Callable[[Authority], Response]) -> Response:
        authority = self._directory.authority(name, policy)
        if authority is None:
            return SignInError.unknown_authority(name).response(policy, self._now())
        try:
            return answer(authority)
        except SignInError as error:
            return error.response(authority.policy, self._now())

    def _configuration(self, request: Request, authority: Authority) -> dict[str, Any]:
        base = f"{request.origin}{authority.path}"
        return {
            "issuer": self._directory.issuer(request.origin, authority),
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query"],
            "response_types_supported": ["code", "id_token"],
            "scopes_supported": ["openid"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            **({} if authority.is_b2c else {"tenant_region_scope": "EU"}),
        }

    def _key_set(self, request: Request, authority: Authority) -> dict[str, Any]:
        """Entra ID says of each key whose tokens it signs."""
        keys = self._directory.keys.key_set()["keys"]
        said = {} if authority.is_b2c else {"issuer": self._directory.issuer(request.origin, authority)}
        return {"keys": [{**key, **said} for key in keys]}

    def _asked(
        self, request: Request, name: str, policy: str, answer: Callable[[Request, Authority], Response]
    ) -> Response:
        """An error goes to the portal only when the portal is who it says, and its address is registered."""
        try:
            authority = self._directory.authority(name, policy)
            if authority is None:
                raise SignInError.unknown_authority(name)
            self._check_application(request.query)
        except SignInError as error:
            return sign_in_pages.refusal(error.describe(policy, self._now()))
        try:
            _check_question(request.query)
            return answer(request, authority)
        except SignInError as error:
            return self._answer(request, error=error.error, error_description=error.describe(policy, self._now()))

    def _check_application(self, asked: dict[str, str]) -> None:
        client_id, redirect_uri = asked.get("client_id", ""), asked.get("redirect_uri", "")
        if client_id.lower() != self._directory.application.client_id:
            raise SignInError.unknown_application(client_id)
        if redirect_uri not in self._directory.redirect_uris:
            raise SignInError.foreign_redirect(redirect_uri, client_id)

    def _ask(self, request: Request, authority: Authority) -> Response:
        known = self._sessions.get(request.cookies.get(SESSION_COOKIE, ""))
        people = self._directory.people_of(authority)
        if known in people and not ASKS_AGAIN & set(request.query.get("prompt", "").split()):
            return self._answer(request, code=self._new_code(request, authority, known))
        return sign_in_pages.choice_of_person(people, f"{request.shown_path}?{request.raw_query}")

    def _take_choice(self, request: Request, authority: Authority) -> Response:
        if request.form.get("do") == sign_in_pages.CANCEL:
            raise SignInError.cancelled()
        people = self._directory.people_of(authority)
        chosen = next((person for person in people if person.email == request.form.get("email")), None)
        if chosen is None:
            action = f"{request.shown_path}?{request.raw_query}"
            return sign_in_pages.choice_of_person(people, action, status=400, remark="Choose somebody.")
        session = secrets.token_urlsafe()
        with self._lock:
            self._sessions[session] = chosen
        return self._answer(request, session=session, code=self._new_code(request, authority, chosen))

    def _answer(self, request: Request, *, session: str = "", **said: str) -> Response:
        state = {"state": request.query["state"]} if "state" in request.query else {}
        return _redirect(request.query["redirect_uri"], {**said, **state}, session=session)

    def _new_code(self, request: Request, authority: Authority, person: Person) -> str:
        code = secrets.token_urlsafe(48)
        grant = Grant(
            path=authority.path,
            redirect_uri=request.query["redirect_uri"],
            challenge=request.query["code_challenge"],
            scopes=tuple(request.query["scope"].split()),
            nonce=request.query.get("nonce", ""),
            person=person,
            expires_at=self._now() + CODE_SECONDS,
        )
        with self._lock:
            self._grants[code] = grant
        return code

    def _tokens(self, request: Request, authority: Authority) -> dict[str, Any]:
        form, application = request.form, self._directory.application
        if form.get("grant_type") != "authorization_code":
            raise SignInError.unsupported_grant(form.get("grant_type", ""))
        if form.get("client_id", "").lower() != application.client_id:
            raise SignInError.unknown_application(form.get("client_id", ""))
        if not secrets.compare_digest(form.get("client_secret", "").encode(), application.client_secret.encode()):
            raise SignInError.wrong_secret()
        grant = self._take_grant(form, authority)
        access = self._access_token(request, authority, grant)
        claims = self._directory.id_claims(request.origin, authority, grant.person, nonce=grant.nonce)
        if access:
            claims["at_hash"] = _half_hash(access)
        return _token_answer(authority, claims, self._directory.id_token(claims), access, grant.scopes)

    def _take_grant(self, form: dict[str, str], authority: Authority) -> Grant:
        """Once: whoever comes second with a code gets nothing, even when the first one failed."""
        with self._lock:
            grant = self._grants.pop(form.get("code", ""), None)
        if grant is None:
            raise SignInError.spent_code()
        if grant.expires_at <= self._now():
            raise SignInError.expired_code()
        if grant.path != authority.path or grant.redirect_uri != form.get("redirect_uri"):
            raise SignInError.foreign_code()
        verifier = form.get("code_verifier", "")
        if len(verifier) not in VERIFIER_LENGTHS or _s256(verifier) != grant.challenge:
            raise SignInError.wrong_verifier()
        return grant

    def _access_token(self, request: Request, authority: Authority, grant: Grant) -> str:
        """For the API or for the portal itself, as the scopes say; B2C gives none when they name no resource."""
        application = self._directory.application
        audience = ""
        if set(grant.scopes) & _api_scopes(authority, application.api_client_id):
            audience = application.api_client_id
        elif application.client_id in grant.scopes or not authority.is_b2c:
            audience = application.client_id
        if not audience:
            return ""
        claims = self._directory.access_claims(request.origin, authority, grant.person, audience=audience)
        return self._directory.sign(claims)


def _api_scopes(authority: Authority, api_client_id: str) -> set[str]:
    """How the scope of the API is written."""
    if authority.is_b2c:
        return {f"https://{B2C_DOMAIN}/{name}/{API_SCOPE}" for name in ("api", api_client_id)}
    return {f"api://{api_client_id}/{API_SCOPE}"}


def _check_question(asked: dict[str, str]) -> None:
    if asked.get("response_type") != "code":
        raise SignInError.unsupported_response_type(asked.get("response_type", ""))
    if "openid" not in asked.get("scope", "").split():
        raise SignInError.missing_scope()
    if not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256":
        raise SignInError.missing_challenge()


def _token_answer(
    authority: Authority, claims: dict[str, Any], id_token: str, access: str, scopes: tuple[str, ...]
) -> dict[str, Any]:
    """B2C writes its numbers as strings, and gives an access token only when one was asked for."""
    granted = " ".join(scope for scope in scopes if scope not in {"openid", "profile", "email"})
    if not authority.is_b2c:
        lifetime = {"expires_in": TOKEN_SECONDS, "ext_expires_in": TOKEN_SECONDS}
        return {"token_type": "Bearer", "scope": granted, **lifetime, "access_token": access, "id_token": id_token}
    answer = {
        "token_type": "Bearer",
        "not_before": str(claims["nbf"]),
        "id_token": id_token,
        "id_token_expires_in": str(TOKEN_SECONDS),
    }
    if access:
        answer |= {"access_token": access, "expires_in": str(TOKEN_SECONDS), "expires_on": str(claims["exp"])}
    return {**answer, "scope": granted}


def _redirect(target: str, said: dict[str, str], *, session: str = "") -> Response:
    location = f"{target}{'&' if '?' in target else '?'}{urlencode(said)}" if said else target
    headers = {"Location": location, "Cache-Control": "no-store"}
    if session:
        headers["Set-Cookie"] = f"{SESSION_COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=None"
    return Response(302, b"", headers)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _half_hash(token: str) -> str:
    """``at_hash`` of OpenID Connect Core, 3.1.3.6."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()
