"""The simulated identity provider, asked as a browser and a web application would."""

import html.parser
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from governance.azure.simulator.directory import B2C_DOMAIN, OTHER_POLICY, SIGN_IN_POLICY, Person
from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SettableClock
from tests.azure.sign_in_client import ALICE, CHARLIE, PAT, REDIRECT, USER_FLOW, SignInClient, answer_of
from tests.azure.simulator_client import Caller


@pytest.fixture
def people_azure(small_azure: Simulator) -> Simulator:
    small_azure.directory.add([ALICE, CHARLIE, PAT])
    small_azure.directory.register(REDIRECT)
    return small_azure


@pytest.fixture
def b2c(people_azure: Simulator) -> Iterator[SignInClient]:
    client = SignInClient(people_azure)
    yield client
    client.browser.close()


@pytest.fixture
def entra(people_azure: Simulator) -> Iterator[SignInClient]:
    client = SignInClient(people_azure, people_azure.tenant("contoso").tenant_id)
    yield client
    client.browser.close()


@pytest.fixture
def common(people_azure: Simulator) -> Iterator[SignInClient]:
    client = SignInClient(people_azure, "common")
    yield client
    client.browser.close()


def claims_of(client: SignInClient, token: str, audience: str = "") -> dict[str, Any]:
    """Verified with the published keys, as an application does it."""
    key_id = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in client.published_keys() if key["kid"] == key_id)
    audience = audience or client.application.client_id
    claims: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"], audience=audience)
    return claims


def test_a_user_flow_names_itself_in_its_addresses_and_not_in_its_issuer(b2c: SignInClient) -> None:
    found = b2c.configuration()

    assert found["issuer"] == f"{b2c.azure.url}/{b2c.azure.directory.tenant_id}/v2.0/"
    assert found["jwks_uri"] == f"{b2c.url}/discovery/v2.0/keys"
    assert found["token_endpoint"] == f"{b2c.url}/oauth2/v2.0/token"
    assert found["authorization_endpoint"] == f"{b2c.url}/oauth2/v2.0/authorize"
    assert found["end_session_endpoint"] == f"{b2c.url}/oauth2/v2.0/logout"


def test_common_leaves_the_tenant_of_the_issuer_open(common: SignInClient) -> None:
    assert common.configuration()["issuer"] == f"{common.azure.url}/{{tenantid}}/v2.0"


@pytest.mark.parametrize("path", [f"{B2C_DOMAIN}/b2c_1_nothing", f"nobody.onmicrosoft.com/{SIGN_IN_POLICY}"])
def test_an_unknown_flow_has_no_document(people_azure: Simulator, path: str) -> None:
    client = SignInClient(people_azure, path)

    assert client.configuration()["error"] == "invalid_request"
    assert client.ask().status_code == 400


class Fields(html.parser.HTMLParser):
    """The values of the form's fields and buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"input", "button"}:
            self.values.append(dict(attrs)["value"] or "")


def test_the_page_lists_who_can_sign_in_there(b2c: SignInClient, entra: SignInClient, common: SignInClient) -> None:
    shown = [Fields(client.ask().text).values for client in (b2c, entra, common)]

    buttons = ["continue", "cancel"]
    assert shown == [
        [ALICE.email, CHARLIE.email, PAT.email, *buttons],
        [ALICE.email, *buttons],
        [ALICE.email, CHARLIE.email, *buttons],
    ]


def test_b2c_signs_in_with_the_claims_and_strings_of_b2c(b2c: SignInClient) -> None:
    told = answer_of(b2c.choose(ALICE.email))
    tokens = b2c.redeem(told["code"]).json()

    claims = claims_of(b2c, tokens["id_token"])
    assert told["state"] == "the state"
    assert claims["iss"] == b2c.configuration()["issuer"]
    assert claims["sub"] == claims["oid"] == b2c.azure.directory.object_id(ALICE.email)
    assert (claims["tfp"], claims["nonce"], claims["emails"]) == (SIGN_IN_POLICY, "the nonce", [ALICE.email])
    assert (claims["name"], claims["ver"], claims["exp"] - claims["iat"]) == ("Alice", "1.0", 3600)
    assert (tokens["expires_in"], tokens["not_before"]) == ("3600", str(claims["nbf"]))
    assert "tid" not in claims


def test_entra_signs_in_with_its_tenant_and_a_subject_of_this_application_alone(entra: SignInClient) -> None:
    tokens = entra.redeem(entra.code(ALICE.email)).json()

    claims = claims_of(entra, tokens["id_token"])
    tenant_id = entra.azure.tenant("contoso").tenant_id
    assert (claims["iss"], claims["tid"]) == (entra.configuration()["issuer"], tenant_id)
    assert claims["oid"] == entra.azure.directory.object_id(ALICE.email) != claims["sub"]
    assert (claims["ver"], tokens["expires_in"]) == ("2.0", 3600)
    assert "tfp" not in claims


def test_common_signs_in_anybody_with_the_issuer_of_their_own_tenant(common: SignInClient) -> None:
    tokens = common.redeem(common.code(CHARLIE.email)).json()

    claims = claims_of(common, tokens["id_token"])
    tenant_id = common.azure.tenant("fabrikam").tenant_id
    assert (claims["tid"], claims["iss"]) == (tenant_id, f"{common.azure.url}/{tenant_id}/v2.0")


def test_an_access_token_for_the_api_is_not_one_for_the_portal(b2c: SignInClient, entra: SignInClient) -> None:
    api = b2c.application.api_client_id
    scopes = {b2c: f"openid https://{B2C_DOMAIN}/api/access", entra: f"openid api://{api}/access"}

    for client, scope in scopes.items():
        tokens = client.redeem(client.code(ALICE.email, scope=scope)).json()
        claims = claims_of(client, tokens["access_token"], api)
        assert (claims["aud"], claims["scp"], claims["azp"]) == (api, "access", client.application.client_id)
        assert claims["oid"] == client.azure.directory.object_id(ALICE.email)


def test_b2c_gives_no_access_token_for_no_resource(b2c: SignInClient) -> None:
    assert "access_token" not in b2c.redeem(b2c.code(ALICE.email, scope="openid profile")).json()


def test_cancelling_tells_the_application(b2c: SignInClient, entra: SignInClient) -> None:
    for client, number in ((b2c, "AADB2C90091"), (entra, "AADSTS65004")):
        told = answer_of(client.cancel())
        assert (told["error"], told["state"]) == ("access_denied", "the state")
        assert told["error_description"].startswith(f"{number}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"response_type": "id_token"},
        {"scope": "profile"},
    ],
)
def test_a_question_that_is_not_safe_is_refused_at_the_application(b2c: SignInClient, changes: dict[str, str]) -> None:
    for answer in (b2c.ask(**changes), b2c.choose(ALICE.email, **changes)):
        told = answer_of(answer)
        assert "code" not in told
        assert told["error"] in {"invalid_request", "unsupported_response_type"}


@pytest.mark.parametrize("changes", [{"redirect_uri": f"{REDIRECT}more"}, {"redirect_uri": ""}, {"client_id": "other"}])
def test_nobody_is_sent_to_an_address_that_is_not_registered(b2c: SignInClient, changes: dict[str, str]) -> None:
    for answer in (b2c.ask(**changes), b2c.choose(ALICE.email, **changes)):
        assert answer.status_code == 400
        assert "Location" not in answer.headers


@pytest.mark.parametrize("email", ["nobody@contoso.example", ""])
def test_only_people_of_the_directory_sign_in(b2c: SignInClient, email: str) -> None:
    assert b2c.choose(email).status_code == 400


def test_a_guest_of_another_tenant_does_not_sign_in_at_this_one(entra: SignInClient) -> None:
    assert entra.choose(CHARLIE.email).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"client_id": "other"}, "unauthorized_client"),
        ({"code_verifier": "another-verifier-that-is-long-enough-to-be-one"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": f"{REDIRECT}more"}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
    ],
)
def test_a_code_is_worth_nothing_without_its_secrets(b2c: SignInClient, changes: dict[str, str], error: str) -> None:
    code = b2c.code(ALICE.email)

    answer = b2c.redeem(**{"code": code, **changes})

    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


def test_a_code_is_redeemed_once_and_a_failed_try_spends_it(b2c: SignInClient) -> None:
    code, tried = b2c.code(ALICE.email), b2c.code(ALICE.email)
    b2c.redeem(tried, code_verifier="")

    assert b2c.redeem(code).status_code == 200
    assert b2c.redeem(code).json()["error_description"].startswith("AADB2C90080: ")
    assert b2c.redeem(tried).status_code == 400


def test_a_code_is_short_lived(b2c: SignInClient, simulator_clock: SettableClock) -> None:
    code = b2c.code(ALICE.email)

    simulator_clock.offset = 301

    assert b2c.redeem(code).status_code == 400


def test_a_code_of_one_flow_is_nothing_at_another(b2c: SignInClient) -> None:
    other = SignInClient(b2c.azure, f"{B2C_DOMAIN}/{OTHER_POLICY}")

    assert other.redeem(b2c.code(ALICE.email)).status_code == 400
    assert claims_of(other, other.redeem(other.code(ALICE.email)).json()["id_token"])["tfp"] == OTHER_POLICY


def test_who_signed_in_is_not_asked_again_until_signed_out(b2c: SignInClient) -> None:
    b2c.choose(ALICE.email)

    assert "code" in answer_of(b2c.ask())
    assert b2c.ask(prompt="login").status_code == 200
    answer = b2c.sign_out(post_logout_redirect_uri=REDIRECT, state="bye")
    assert answer.headers["Location"] == f"{REDIRECT}?state=bye"
    assert b2c.ask().status_code == 200


def test_signing_out_leads_to_registered_addresses_only(b2c: SignInClient) -> None:
    answer = b2c.sign_out(post_logout_redirect_uri="https://evil.example/")

    assert answer.status_code == 200
    assert "Signed out" in answer.text


@pytest.mark.parametrize(("keep_old", "count"), [(True, 2), (False, 1)])
def test_the_signing_key_rolls_over(b2c: SignInClient, contoso_caller: Caller, keep_old: bool, count: int) -> None:  # noqa: FBT001
    b2c.azure.directory.keys.rotate(keep_old=False)
    old = b2c.redeem(b2c.code(ALICE.email)).json()["id_token"]

    told = contoso_caller.control("POST", "keys", {"keep_old": keep_old}).json()

    new = b2c.redeem(b2c.code(ALICE.email)).json()["id_token"]
    assert told["published"] == [key["kid"] for key in b2c.published_keys()]
    assert len(told["published"]) == count
    assert jwt.get_unverified_header(new)["kid"] == told["current"] != jwt.get_unverified_header(old)["kid"]
    assert (jwt.get_unverified_header(old)["kid"] in told["published"]) is keep_old


def test_redirects_are_registered_over_http(b2c: SignInClient, contoso_caller: Caller) -> None:
    address = "http://127.0.0.1:8000/sign-in/done/b2c/"
    assert b2c.ask(redirect_uri=address).status_code == 400

    contoso_caller.control("POST", "redirects", {"uris": [address]})

    assert b2c.ask(redirect_uri=address).status_code == 200
    assert contoso_caller.control("POST", "redirects", {"uris": address}).status_code == 400


def test_any_token_can_be_signed_for_a_test(b2c: SignInClient) -> None:
    directory = b2c.azure.directory

    token = directory.sign({"aud": b2c.application.client_id, "what": "ever"}, {"typ": "at+jwt"})

    assert claims_of(b2c, token)["what"] == "ever"
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


def test_a_person_needs_a_home_that_there_is(small_azure: Simulator) -> None:
    with pytest.raises(ValueError, match="no tenant 'nowhere'"):
        small_azure.directory.add([Person("eve@nowhere.example", "Eve", "nowhere")])


def test_a_user_flow_answers_at_a_custom_domain_with_that_domain_as_issuer(b2c: SignInClient) -> None:
    url = f"https://localhost:{b2c.azure.port}/{USER_FLOW}/v2.0/.well-known/openid-configuration"

    found = b2c.browser.get(url, timeout=10).json()

    assert found["issuer"].startswith(f"https://localhost:{b2c.azure.port}/")
