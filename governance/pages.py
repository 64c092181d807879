"""What portal pages share: a page number that can be read."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest

LONGEST_PAGE_NUMBER = 9  # digits


def page_number(request: HttpRequest) -> int:
    """`?page=`, from 1; BadRequest (400) for anything that is no such number."""
    text = request.GET.get("page") or "1"
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_PAGE_NUMBER and int(text)):
        raise BadRequest("page is not a page number: give a number from 1.")
    return int(text)
