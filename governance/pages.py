"""What every portal page needs: a signed-in person, and a page number that can be read."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponseBase)

LONGEST_PAGE_NUMBER = 9  # digits


def signed_in(view: Callable[..., Response]) -> Callable[..., Response]:
    """A page for signed-in people; others are shown the sign-in page."""
    guarded: Callable[..., Response] = login_required(view)
    return guarded


def page_number(request: HttpRequest) -> int:
    """`?page=`, from 1; BadRequest (400) for anything that is no such number."""
    text = request.GET.get("page") or "1"
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_PAGE_NUMBER and int(text)):
        raise BadRequest("page is not a page number: give a number from 1.")
    return int(text)
