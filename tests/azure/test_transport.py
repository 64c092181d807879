"""What azure-core is made to do: wait as Azure asks but not for ever, count, and speak to no other host."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from azure.core.pipeline.transport import RequestsTransport

from governance.azure import arm, resource_graph
from governance.azure.access import AzureAccess
from governance.azure.credentials import check_reference
from governance.azure.errors import (
    AccessDeniedError,
    BadShapeError,
    GoneError,
    SignInFailedError,
    ThrottledError,
    UnavailableError,
)
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.azure.transport import MOST_EMPTY_PAGES, AzureConnection, PageProgress

GRAPH = "ResourceGraph"


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the transport would have slept."""
    sleeps: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: sleeps.append(seconds))
    return sleeps


@pytest.fixture
def access(small_azure: Simulator, monkeypatch: pytest.MonkeyPatch) -> AzureAccess:
    """Contoso's, with its secret in the environment."""
    tenant = small_azure.tenant("contoso")
    monkeypatch.setenv("SECRET_OF_CONTOSO", tenant.client_secret)
    return AzureAccess(
        tenant_id=tenant.tenant_id,
        client_id=tenant.client_id,
        credential_reference="env:SECRET_OF_CONTOSO",
        authority_host=small_azure.url,
        arm_endpoint=small_azure.url,
        ca_file=str(small_azure.ca_file),
    )


@pytest.fixture
def requests_made() -> list[int]:
    """One entry for each attempt over the wire."""
    return []


@pytest.fixture
def connection(access: AzureAccess, requests_made: list[int], waited: list[float]) -> Iterator[AzureConnection]:
    """An open line to contoso."""
    with AzureConnection(access, on_request=lambda: requests_made.append(1)) as azure:
        yield azure


def count(azure: AzureConnection, simulator: Simulator) -> int:
    """How many resources contoso has, by one question."""
    subscriptions = simulator.tenant("contoso").subscription_ids
    return sum(resource_graph.count_by_subscription(azure, subscriptions).values())


def test_a_429_on_post_without_retry_after_waits_for_the_quota(
    connection: AzureConnection, small_azure: Simulator, waited: list[float], requests_made: list[int]
) -> None:
    small_azure.faults.add(Fault("throttle", path=GRAPH, times=1))

    assert count(connection, small_azure) == 60

    assert waited == [5.0]
    assert len(requests_made) == 2


def test_retry_after_is_waited_for_in_seconds(
    connection: AzureConnection, small_azure: Simulator, waited: list[float]
) -> None:
    small_azure.faults.add(Fault("throttle", path=GRAPH, times=1, retry_after=7))

    assert count(connection, small_azure) == 60
    assert waited == [7]


def test_retry_after_may_be_a_date(connection: AzureConnection, small_azure: Simulator, waited: list[float]) -> None:
    small_azure.faults.add(Fault("throttle", path=GRAPH, times=1, retry_after="http-date"))

    assert count(connection, small_azure) == 60
    assert len(waited) <= 1
    assert all(0 < seconds <= 30 for seconds in waited)


@pytest.mark.parametrize("kind", ["throttle", "server_error"])
def test_too_long_a_wait_is_not_slept_but_told(
    connection: AzureConnection, small_azure: Simulator, waited: list[float], kind: str
) -> None:
    small_azure.faults.add(Fault(kind, path=GRAPH, retry_after=3600))

    with pytest.raises(ThrottledError) as told:
        count(connection, small_azure)

    assert told.value.retry_after_seconds == 3600
    assert waited == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("forbidden", path=GRAPH), AccessDeniedError),
        (Fault("unauthorized", path=GRAPH), AccessDeniedError),
        (Fault("server_error", path=GRAPH, status=500), UnavailableError),
        (Fault("server_error", path=GRAPH, status=502, body="<html>"), UnavailableError),
        (Fault("reset", path=GRAPH), UnavailableError),
        (Fault("half_page", path=GRAPH), BadShapeError),
        (Fault("not_json", path=GRAPH), BadShapeError),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_each_failure_has_its_type(
    connection: AzureConnection, small_azure: Simulator, fault: Fault, error: type[Exception]
) -> None:
    small_azure.faults.add(fault)

    with pytest.raises(error):
        count(connection, small_azure)


def test_a_foreign_subscription_is_gone_not_empty(connection: AzureConnection, small_azure: Simulator) -> None:
    foreign = small_azure.tenant("fabrikam").subscription_ids[0]

    with pytest.raises(GoneError):
        list(arm.list_resources(connection, foreign))


def test_nothing_is_sent_to_the_host_of_a_foreign_next_link(
    connection: AzureConnection, small_azure: Simulator
) -> None:
    """The only sockets a test may open are local: reaching the other host would fail with another error."""
    small_azure.faults.add(Fault("foreign_next_link", path="/subscriptions$"))

    with pytest.raises(BadShapeError, match="another host"):
        arm.list_subscriptions(connection)


def test_an_authority_that_does_not_answer_is_named(access: AzureAccess, waited: list[float]) -> None:
    nowhere = replace(access, authority_host="https://127.0.0.1:9")

    with AzureConnection(nowhere) as azure, pytest.raises(SignInFailedError, match="AZURE_AUTHORITY_HOST"):
        azure.token()


def test_a_federated_token_needs_no_secret(small_azure: Simulator, access: AzureAccess, tmp_path: Path) -> None:
    now = datetime.now(tz=UTC)
    claims = {
        "iss": access.client_id,
        "sub": access.client_id,
        "aud": f"{small_azure.url}/{access.tenant_id}/oauth2/v2.0/token",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=5),
    }
    token = tmp_path / "token"
    token.write_text(jwt.encode(claims, "a key of at least thirty-two bytes", algorithm="HS256"))

    with AzureConnection(replace(access, credential_reference=f"federated:{token}")) as azure:
        assert count(azure, small_azure) == 60


def test_a_federated_token_that_is_not_there_is_named(access: AzureAccess, tmp_path: Path) -> None:
    with (
        pytest.raises(SignInFailedError, match="does not exist"),
        AzureConnection(replace(access, credential_reference=f"federated:{tmp_path / 'none'}")),
    ):
        pass


@pytest.mark.parametrize("reference", ["", "env:", "secret", "vault:x", "hunter2", ":X"])
def test_a_reference_has_a_known_form(reference: str) -> None:
    with pytest.raises(ValueError, match="not a credential reference"):
        check_reference(reference)


def test_a_listing_that_gets_nowhere_is_ended() -> None:
    progress = PageProgress()
    for number in range(MOST_EMPTY_PAGES):
        progress.after_page(0, f"token {number}")

    with pytest.raises(BadShapeError, match="empty pages"):
        progress.after_page(0, "one more")
