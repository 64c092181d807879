"""What a fault makes of an answer: another one in its place, or the right one damaged on the way."""

import time
from dataclasses import replace
from email.utils import formatdate

from governance.azure.simulator.access import unauthorized
from governance.azure.simulator.blobs import is_blob_path, storage_error
from governance.azure.simulator.cost_quota import THROTTLED_SECONDS, cost_limited
from governance.azure.simulator.exchange import Refusal, Request, Response
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.quota import WINDOW_SECONDS, rate_limited

HTTP_DATE_SECONDS = 2  # how far ahead "http-date" lies
STORAGE_ERRORS = {
    "throttle": (503, "ServerBusy"),
    "forbidden": (403, "AuthorizationPermissionMismatch"),
    "unauthorized": (401, "InvalidAuthenticationInfo"),
    "expired_link": (403, "AuthenticationFailed"),
    "missing_blob": (404, "BlobNotFound"),
}
HTML_TYPE = "text/html; charset=utf-8"
NOT_JSON = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please sign in.</p></body></html>"


def answer_instead(fault: Fault, request: Request) -> Response:
    if is_blob_path(request.path):
        return _of_storage(fault)
    if fault.kind == "throttle":
        return _throttled(fault, request)
    if fault.kind == "forbidden":
        return _forbidden(request)
    if fault.kind == "unauthorized":
        return unauthorized(request, "The access token has expired.").response
    if fault.kind == "not_json":
        return Response(200, (fault.body or NOT_JSON).encode(), content_type=HTML_TYPE)
    return _server_error(fault)


def damage(fault: Fault, response: Response) -> Response:
    if response.file:
        response = replace(response, body=response.file.read(), file=None)
    if fault.kind == "reset":
        return replace(response, is_broken_off=True)
    return replace(response, body=response.body[: len(response.body) // 2])


def _of_storage(fault: Fault) -> Response:
    """In the words of blob storage, which speaks XML."""
    if fault.kind == "not_json":
        return Response(200, (fault.body or NOT_JSON).encode(), content_type=HTML_TYPE)
    status = fault.status if fault.kind == "server_error" else STORAGE_ERRORS[fault.kind][0]
    code = "InternalError" if fault.kind == "server_error" else STORAGE_ERRORS[fault.kind][1]
    return _with_retry_after(storage_error(status, code), fault)


def _throttled(fault: Fault, request: Request) -> Response:
    if "resourcegraph" in request.path:
        response = rate_limited(WINDOW_SECONDS).response
    elif "microsoft.costmanagement" in request.path:
        wait = fault.retry_after if isinstance(fault.retry_after, int) else THROTTLED_SECONDS
        return cost_limited(fault.bucket, wait).response  # it says how long in its own header only
    else:
        response = Refusal(
            429,
            "SubscriptionRequestsThrottled",
            f"Number of requests for operation '{request.method}{request.shown_path.upper()}' exceeded the backend "
            "storage limit. Please try again later.",
            headers={"x-ms-ratelimit-remaining-subscription-reads": "0"},
        ).response
    return _with_retry_after(response, fault)


def _forbidden(request: Request) -> Response:
    return Refusal(
        403,
        "AuthorizationFailed",
        f"The client does not have authorization to perform action '{request.method}' over scope "
        f"'{request.shown_path}' or the scope is invalid. If access was recently granted, please refresh your "
        "credentials.",
    ).response


def _server_error(fault: Fault) -> Response:
    if fault.body is not None:
        response = Response(fault.status, fault.body.encode(), content_type=HTML_TYPE)
    else:
        response = Refusal(fault.status, "InternalServerError", "Encountered internal server error.").response
    return _with_retry_after(response, fault)


def _with_retry_after(response: Response, fault: Fault) -> Response:
    if fault.retry_after is None:
        return response
    wait = str(fault.retry_after)
    if wait == "http-date":
        wait = formatdate(time.time() + HTTP_DATE_SECONDS, usegmt=True)
    return replace(response, headers={**response.headers, "Retry-After": wait})
