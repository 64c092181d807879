"""What is answered where no view answers: a problem for programs (RFC 9457), the page of that status for people.

Neither repeats what went wrong in its own words: those may hold data. `governance/urls.py` names these handlers.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

PROBLEM_JSON = "application/problem+json"
API = "/api/"


def problem(status: int, title: str, detail: str, *, kind: str = "about:blank", **more: Any) -> HttpResponse:
    """A refusal or failure as a program reads it."""
    body = {"type": kind, "title": title, "status": status, "detail": detail, **more}
    return JsonResponse(body, status=status, content_type=PROBLEM_JSON)


def is_for_programs(request: HttpRequest) -> bool:
    """True below /api/."""
    return request.path_info.startswith(API)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what cannot be read; 413 for a body larger than anything the platform takes."""
    if isinstance(exception, RequestDataTooBig):
        return _too_large(request)
    if is_for_programs(request):
        return problem(400, "Bad request", "This request cannot be read.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for an address that does not exist."""
    if is_for_programs(request):
        return problem(404, "Not found", "There is no such address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: what broke is in the log, under the request's id."""
    if is_for_programs(request):
        return problem(500, "Server error", "Something broke on our side. The error was recorded.")
    return defaults.server_error(request)


def _too_large(request: HttpRequest) -> HttpResponse:
    told = f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024} KiB."
    if is_for_programs(request):
        return problem(413, "Too large", told)
    response = defaults.bad_request(request, RequestDataTooBig())
    response.status_code = 413
    return response
