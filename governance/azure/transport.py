"""One pipeline for every call to Azure: timeouts, retries that honour Azure's own waiting times with a cap, a list of
allowed hosts, a count of requests, and errors as types. The SDK clients and our own calls share it.

Facts behind it: azure-core retries a POST 429 only with Retry-After, sleeps any Retry-After in full, and its pagers
follow a nextLink to any host with the bearer token in hand.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
from azure.core import PipelineClient
from azure.core import exceptions as sdk
from azure.core.credentials import TokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import RequestIdPolicy, RetryPolicy, SansIOHTTPPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.costmanagement import CostManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from governance.azure.access import AzureAccess
from governance.azure.credentials import open_credential
from governance.azure.errors import (
    AccessDeniedError,
    AzureError,
    BadShapeError,
    GoneError,
    NotOfferedError,
    SignInFailedError,
    ThrottledError,
    UnavailableError,
)

CONNECT_TIMEOUT_SECONDS = 10.0
RETRIES = 3
BACKOFF_SECONDS = 0.5  # between attempts after the second, doubled each time
UNREADABLE_ANSWERS = 2  # a 200 whose body is not JSON is asked for again this often
MOST_EMPTY_PAGES = 20  # in a row; a few do occur in Azure's lists
UNSTATED_WAIT_SECONDS = 20.0  # after a 429 about costs that names no time: longer than the shortest quota's window
# Cost Management says in headers of its own how long to wait, often without a Retry-After; the largest holds.
# https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation#error-code-429---call-count-has-exceeded-rate-limits
COST_RETRY_AFTER = re.compile(r"x-ms-ratelimit-microsoft\.(costmanagement|consumption)(-[a-z]+)*-retry-after", re.I)
OFFER = re.compile(r"\boffer(s|id|type)?\b|supports only|AmortizedCost.* not supported", re.I)
OF_ONE_REQUEST = re.compile(
    r"^\(?400(\)|:) | ?\(Request ID: [^)]*\)?$", re.I
)  # how the SDK and we begin; how Azure ends
READER_REMEDY = "Give the application the role Reader on the subscription or a management group above it."


class HostGuard(SansIOHTTPPolicy[Any, Any]):
    """Refuses a request to any host but Azure Resource Manager's, before a token is attached to it."""

    def __init__(self, endpoint: str) -> None:
        self.allowed = _origin(endpoint)

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raise BadShapeError when a nextLink points elsewhere."""
        if _origin(request.http_request.url) != self.allowed:
            raise BadShapeError(
                f"Azure named a next page on another host: {urlsplit(request.http_request.url).hostname}."
            )


class RequestCount(SansIOHTTPPolicy[Any, Any]):
    """Tells the run of every attempt that goes over the wire."""

    def __init__(self, on_request: Callable[[], None]) -> None:
        self.tell = on_request

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Count one attempt, retries included."""
        self.tell()


class CappedRetry(RetryPolicy[Any, Any]):
    """azure-core's retries, with 429 understood in all its spellings and no sleep beyond `longest_wait_seconds`."""

    def __init__(self, longest_wait_seconds: float) -> None:
        super().__init__(retry_total=RETRIES, retry_backoff_factor=BACKOFF_SECONDS)
        self.longest_wait_seconds = longest_wait_seconds

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Seconds Azure asks to wait: the longest any header names, or the reset time of Resource Graph's quota."""
        headers = response.http_response.headers
        stated = [super().get_retry_after(response), *_cost_waits(headers)]
        named = max((float(wait) for wait in stated if wait is not None), default=None)
        if named is None and response.http_response.status_code == 429:
            return quota_reset_seconds(headers)
        return named

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """As azure-core; raises ThrottledError rather than sleep too long."""
        wait = self.get_retry_after(response) if response.http_response.status_code in {429, 503} else None
        if wait is not None and wait > self.longest_wait_seconds:
            raise ThrottledError(wait)
        return bool(super().is_retry(settings, response))


class DeferringRetry(CappedRetry):
    """As CappedRetry, but a 429 is always raised: whoever asked tells the tenant's other workers before it waits."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """As CappedRetry; raises ThrottledError on every 429."""
        if response.http_response.status_code == 429:
            raise ThrottledError(self.get_retry_after(response) or UNSTATED_WAIT_SECONDS)
        return super().is_retry(settings, response)


class AzureConnection:
    """An open line to one Azure tenant. A context manager; not for sharing between threads."""

    def __init__(self, access: AzureAccess, *, on_request: Callable[[], None] = lambda: None) -> None:
        self.access = access
        self._transport = RequestsTransport(
            connection_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=access.read_timeout_seconds,
            connection_verify=access.ca_file or True,
        )
        self._on_request = on_request

    def __enter__(self) -> Self:
        credential = open_credential(self.access)
        scope = f"{self.access.arm_endpoint}/.default"
        shared: dict[str, Any] = {
            "base_url": self.access.arm_endpoint,
            "credential_scopes": [scope],
            "transport": self._transport,
        }
        self.subscriptions = SubscriptionClient(credential, **shared, **self._policies())
        self._credential, self._shared = credential, shared
        self._scope = scope
        retry = CappedRetry(self.access.longest_wait_seconds)
        self._client: PipelineClient[Any, Any] = PipelineClient(
            self.access.arm_endpoint,
            policies=[
                RequestIdPolicy(),
                UserAgentPolicy(sdk_moniker="governance"),
                HostGuard(self.access.arm_endpoint),
                retry,
                ARMChallengeAuthenticationPolicy(credential, scope),
                RequestCount(self._on_request),
            ],
            transport=self._transport,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    @cached_property
    def costs(self) -> CostManagementClient:
        """Azure's own client for costs. Go through `governance.azure.cost_calls`, which keeps to the quotas."""
        policies = {**self._policies(), "retry_policy": DeferringRetry(self.access.longest_wait_seconds)}
        return CostManagementClient(self._credential, **self._shared, **policies)

    @property
    def credential(self) -> TokenCredential:
        """The tenant's credential, for clients of other audiences than Azure Resource Manager's."""
        return self._credential

    @property
    def transport(self) -> RequestsTransport:
        """The one that all clients of this line share, with its timeouts and the CA it trusts."""
        return self._transport

    def count(self, _request: Any = None) -> None:
        """One more request goes out: for clients whose pipeline is not ours (`raw_request_hook=azure.count`)."""
        self._on_request()

    def resources(self, subscription_id: str) -> ResourceManagementClient:
        """Azure's own client for one subscription, on the shared pipeline."""
        return ResourceManagementClient(self._credential, subscription_id, **self._shared, **self._policies())

    def token(self) -> None:
        """Fetch a token and throw it away: the proof that the credential works. Raises SignInFailedError."""
        with typed_errors():
            self._credential.get_token(self._scope)

    def post(self, path: str, body: dict[str, Any]) -> "Answer":
        """POST a question that changes nothing (so it may be repeated) and decode the answer."""
        for attempt in range(UNREADABLE_ANSWERS + 1):
            request = HttpRequest("POST", f"{self.access.arm_endpoint}{path}", json=body)
            with typed_errors():
                response = self._client.send_request(request, retry_on_methods=frozenset({"POST"}))
                content = response.read()
                raise_for_status(response)
            try:
                return Answer(decode(content), response.headers)
            except BadShapeError:
                if attempt == UNREADABLE_ANSWERS:
                    raise
        raise AssertionError("unreachable")

    def wait(self, seconds: float) -> None:
        """Sleep on behalf of Azure's pacing, never longer than a run may."""
        if seconds > self.access.longest_wait_seconds:
            raise ThrottledError(seconds)
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep until something is ready that Azure makes for us. The caller bounds it."""
        self._transport.sleep(seconds)

    def _policies(self) -> dict[str, Any]:
        return {
            "retry_policy": CappedRetry(self.access.longest_wait_seconds),
            "per_call_policies": [HostGuard(self.access.arm_endpoint)],
            "per_retry_policies": [RequestCount(self._on_request)],
        }


class PageProgress:
    """Watches a listing: a page that comes again, or empty pages without end, would keep a run busy for ever."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.empty_in_a_row = 0

    def after_page(self, rows: int, token: str | None) -> None:
        """Note a page and the token of the next one. Raises BadShapeError when the listing gets nowhere."""
        if token and token in self.tokens:
            raise BadShapeError("Azure named the same next page twice.")
        self.tokens.add(token or "")
        self.empty_in_a_row = 0 if rows else self.empty_in_a_row + 1
        if self.empty_in_a_row > MOST_EMPTY_PAGES:
            raise BadShapeError(f"Azure gave more than {MOST_EMPTY_PAGES} empty pages in a row.")


class Answer:
    """A decoded JSON object and the headers it came with."""

    __slots__ = ("body", "headers")

    def __init__(self, body: dict[str, Any], headers: Any) -> None:
        self.body = body
        self.headers = headers


def decode(content: bytes) -> dict[str, Any]:
    """A JSON object from bytes. Raises BadShapeError for anything else."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadShapeError(f"Azure's answer is not JSON ({len(content)} bytes).") from error
    if not isinstance(body, dict):
        raise BadShapeError("Azure's answer is JSON, but not an object.")
    return body


def quota_reset_seconds(headers: Any) -> float | None:
    """`x-ms-user-quota-resets-after: 00:00:05` in seconds; None when absent or unreadable."""
    try:
        hours, minutes, seconds = headers.get("x-ms-user-quota-resets-after", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


def _cost_waits(headers: Any) -> Iterator[float]:
    for name, value in headers.items():
        if COST_RETRY_AFTER.fullmatch(name):
            try:
                yield float(value)
            except ValueError:
                continue


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turn the SDKs' exceptions into ours."""
    try:
        yield
    except sdk.ClientAuthenticationError as error:
        raise _authentication_error(error) from error
    except sdk.IncompleteReadError as error:
        raise UnavailableError("Azure hung up in the middle of its answer.") from error
    except sdk.DecodeError as error:
        raise BadShapeError("Azure's answer was cut or is not JSON.") from error
    except (sdk.ServiceRequestError, sdk.ServiceResponseError) as error:
        raise UnavailableError(f"No answer from Azure: {_first_line(error)}") from error
    except sdk.HttpResponseError as error:
        raise _status_error(error.status_code, _first_line(error)) from error
    except sdk.AzureError as error:
        raise UnavailableError(f"Azure could not be asked: {_first_line(error)}") from error


def raise_for_status(response: Any) -> None:
    """Raise the typed error of a status of 400 or more."""
    if response.status_code >= 400:
        raise _status_error(response.status_code, error_message(response.content))


def error_message(content: bytes) -> str:
    """Code and message of an Azure error body, in whichever of its shapes; never the raw body."""
    try:
        body = orjson.loads(content)
        error = body.get("error", body)
        return f"{error['code']}: {str(error['message'])[:300]}"
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return "no readable error message"


def _status_error(status: int | None, message: str) -> AzureError:
    if status in {401, 403}:
        return AccessDeniedError(f"Azure refused ({status}): {message}", remedy=READER_REMEDY)
    if status == 404:
        return GoneError(f"Azure does not show it (404): {message}")
    if status == 400 and OFFER.search(message):
        # Two questions are refused in the same words but for the number of the request.
        words = OF_ONE_REQUEST.sub("", message)
        return NotOfferedError(f"The subscription's offer does not have this (400): {words}")
    if status is None:
        return UnavailableError(f"Azure's answer was cut: {message}")
    if status == 429 or status >= 500:
        return UnavailableError(f"Azure {'kept throttling' if status == 429 else 'failed'} ({status}): {message}")
    return BadShapeError(f"Azure did not accept the request ({status}): {message}")


def _authentication_error(error: sdk.ClientAuthenticationError) -> AzureError:
    message = _first_line(error)
    if error.response is not None and error.status_code in {401, 403} and "AADSTS" not in message:
        return AccessDeniedError(f"Azure refused the token: {message}", remedy=READER_REMEDY)
    return SignInFailedError(f"Sign-in to the tenant failed: {message}", remedy=_sign_in_remedy(message))


def _sign_in_remedy(message: str) -> str:
    if "AADSTS7000215" in message or "AADSTS7000222" in message:
        return "Create a new client secret for the application and put it where the credential reference points."
    if "AADSTS700016" in message:
        return "Check the client id, or grant admin consent for the application in that tenant."
    if "AADSTS90002" in message:
        return "Check the tenant id."
    if "authority configuration" in message:  # MSAL's words for a tenant whose discovery document is refused
        return "Check the tenant id, and AZURE_AUTHORITY_HOST."
    return "Check tenant id, client id, secret and AZURE_AUTHORITY_HOST."


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
