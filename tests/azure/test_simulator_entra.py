import time
from typing import Any

import jwt
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential

from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SettableClock
from tests.azure.simulator_client import ARM_SCOPE, GRAPH_PATH, Caller

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = "a key that the simulator does not know, 32 bytes"


def assertion(small_azure: Simulator, **changes: Any) -> str:
    tenant = small_azure.tenant("contoso")
    claims = {
        "iss": "https://issuer.example",
        "sub": tenant.federated_subject,
        "aud": "api://AzureADTokenExchange",
        "exp": int(time.time()) + 600,
    }
    return jwt.encode({**claims, **changes}, KEY, algorithm="HS256")


def token_with(small_azure: Simulator, secret: str) -> AccessToken:
    tenant = small_azure.tenant("contoso")
    with ClientSecretCredential(
        tenant.tenant_id,
        tenant.client_id,
        secret,
        authority=small_azure.url,
        disable_instance_discovery=True,
        connection_verify=str(small_azure.ca_file),
    ) as credential:
        return credential.get_token(ARM_SCOPE)


def error_of(response: Any) -> tuple[int, str, int]:
    body = response.json()
    assert {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"} <= body.keys()
    return response.status_code, body["error"], body["error_codes"][0]


def test_client_secret_credential_gets_a_token(small_azure: Simulator) -> None:
    assert token_with(small_azure, small_azure.tenant("contoso").client_secret).token


def test_client_secret_credential_reports_a_wrong_secret(small_azure: Simulator) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        token_with(small_azure, "wrong")


def test_client_assertion_credential_gets_a_token(small_azure: Simulator) -> None:
    tenant = small_azure.tenant("contoso")

    with ClientAssertionCredential(
        tenant.tenant_id,
        tenant.client_id,
        lambda: assertion(small_azure),
        authority=small_azure.url,
        disable_instance_discovery=True,
        connection_verify=str(small_azure.ca_file),
    ) as credential:
        assert credential.get_token(ARM_SCOPE).token


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"exp": 1}, 700024),
        ({"exp": "soon"}, 50027),
        ({"sub": "someone else"}, 700213),
    ],
)
def test_unfit_assertion_is_refused(
    small_azure: Simulator, contoso_caller: Caller, changes: dict[str, Any], number: int
) -> None:
    token = assertion(small_azure, **changes)

    answer = contoso_caller.ask_for_token(
        client_secret="", client_assertion=token, client_assertion_type=ASSERTION_TYPE
    )

    assert error_of(answer) == (401, "invalid_client", number)


def test_assertion_that_is_no_jwt_is_refused(contoso_caller: Caller) -> None:
    answer = contoso_caller.ask_for_token(
        client_secret="", client_assertion="x.y", client_assertion_type=ASSERTION_TYPE
    )

    assert error_of(answer) == (401, "invalid_client", 50027)


def test_certificate_assertion_must_name_the_token_endpoint(small_azure: Simulator, contoso_caller: Caller) -> None:
    client_id = small_azure.tenant("contoso").client_id
    token = assertion(small_azure, iss=client_id, sub=client_id, aud="https://elsewhere.example")

    answer = contoso_caller.ask_for_token(
        client_secret="", client_assertion=token, client_assertion_type=ASSERTION_TYPE
    )

    assert error_of(answer) == (401, "invalid_client", 50027)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"tenant": "00000000-0000-4000-8000-000000000000"}, (400, "invalid_request", 90002)),
        ({"client_id": "00000000-0000-4000-8000-000000000000"}, (400, "unauthorized_client", 700016)),
        ({"client_secret": ""}, (401, "invalid_client", 7000216)),
        ({"scope": ""}, (400, "invalid_request", 900144)),
        ({"scope": "https://management.azure.com/user_impersonation"}, (400, "invalid_scope", 1002012)),
        ({"scope": "https://vault.azure.net/.default"}, (400, "invalid_resource", 500011)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
    ],
)
def test_token_request_is_refused_as_entra_words_it(
    contoso_caller: Caller, form: dict[str, str], expected: tuple[int, str, int]
) -> None:
    assert error_of(contoso_caller.ask_for_token(**form)) == expected


def test_scope_may_name_the_simulator_itself(small_azure: Simulator, contoso_caller: Caller) -> None:
    contoso_caller.authorization = f"Bearer {contoso_caller.token(scope=f'{small_azure.url}/.default')}"

    assert contoso_caller.get("/subscriptions").status_code == 200


def test_unknown_tenant_has_no_discovery_document(small_azure: Simulator, contoso_caller: Caller) -> None:
    answer = contoso_caller.follow(f"{small_azure.url}/nobody/v2.0/.well-known/openid-configuration")

    assert error_of(answer) == (400, "invalid_request", 90002)


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer nonsense"])
def test_call_without_a_valid_token_is_challenged(contoso_caller: Caller, authorization: str) -> None:
    contoso_caller.authorization = authorization

    answer = contoso_caller.get("/subscriptions")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_token_for_microsoft_graph_is_refused_by_resource_manager(contoso_caller: Caller) -> None:
    contoso_caller.authorization = f"Bearer {contoso_caller.token(scope='https://graph.microsoft.com/.default')}"

    answer = contoso_caller.graph()

    assert answer.status_code == 401
    assert "wrong audience" in answer.json()["error"]["message"]


def test_token_expires(contoso_caller: Caller, simulator_clock: SettableClock) -> None:
    simulator_clock.offset = 3600

    assert contoso_caller.get("/subscriptions").status_code == 401


def test_token_of_another_world_is_refused(contoso_caller: Caller, simulator_folder: Any) -> None:
    with Simulator(seed=8, folder=simulator_folder) as other, Caller(other, other.tenant("contoso")) as stranger:
        contoso_caller.authorization = stranger.authorization

    assert contoso_caller.get("/subscriptions").status_code == 401


def test_token_of_a_tenant_opens_no_other_tenants_subscription(small_azure: Simulator, contoso_caller: Caller) -> None:
    foreign = small_azure.tenant("fabrikam").subscription_ids[0]

    answer = contoso_caller.get(f"/subscriptions/{foreign}/resources")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "SubscriptionNotFound"
    assert contoso_caller.graph(subscriptions=[foreign]).json()["totalRecords"] == 0
    assert any(path == GRAPH_PATH for _, path in small_azure.requests)
