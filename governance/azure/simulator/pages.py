"""A page of a longer list, its continuation token, and the faults that a page can suffer."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.azure.simulator.exchange import Refusal, Request
from governance.azure.simulator.faults import PAGE, Fault, Faults
from governance.azure.simulator.tokens import InvalidTokenError, Tokens

Row = dict[str, Any]
OVERSIZED_CHARACTERS = 5000
EVIL_ORIGIN = "https://evil.example"


@dataclass(frozen=True)
class Page:
    """``here`` is another token for the place where this page begins; ``came_with`` the one of the request itself."""

    rows: list[Row]
    total: int
    next_token: str | None
    here: str
    came_with: str | None
    is_truncated: bool = False
    has_foreign_link: bool = False


class Pages:
    """Cuts lists into pages. A token is good for one hour, for one list and for one tenant."""

    def __init__(self, tokens: Tokens, faults: Faults) -> None:
        self._tokens = tokens
        self._faults = faults
        self._serials = itertools.count(1)

    def offset(self, token: str | None, *, bound_to: str) -> int:
        if not token:
            return 0
        try:
            return self._tokens.offset_of(token, bound_to=bound_to)
        except InvalidTokenError as error:
            raise Refusal(400, "InvalidSkipToken", f"The provided skip token is not valid. {error}") from error

    def token(self, offset: int, *, bound_to: str) -> str:
        return self._tokens.continuation(offset=offset, bound_to=bound_to, serial=next(self._serials))

    def page(
        self,
        rows: list[Row],
        *,
        offset: int,
        total: int,
        bound_to: str,
        came_with: str | None,
        can_continue: bool = True,
    ) -> Page:
        """``rows`` begin at ``offset`` of a list of ``total``; without ``can_continue`` the rest is out of reach."""
        rest = offset + len(rows) < total
        following = self.token(offset + len(rows), bound_to=bound_to) if rest and can_continue else None
        here = self.token(offset, bound_to=bound_to)
        return Page(rows, total, following, here, came_with, is_truncated=rest)

    def spoil(self, page: Page, request: Request, *, is_summary: bool = False) -> Page:
        for fault in self._faults.claim_all(PAGE, request, is_summary=is_summary):
            page = _spoilt(page, fault)
        return page


def next_link(request: Request, page: Page) -> str | None:
    """Absolute, on the host that the request came to."""
    if page.next_token is None:
        return None
    origin = EVIL_ORIGIN if page.has_foreign_link else request.origin
    kept = [part for part in request.raw_query.split("&") if part and "skiptoken=" not in part.lower()]
    return f"{origin}{request.shown_path}?{'&'.join([*kept, f'%24skiptoken={page.next_token}'])}"


def page_size(text: str | None, *, largest: int, usual: int) -> int:
    if text is None:
        return usual
    if not text.isdecimal() or not 1 <= int(text) <= largest:
        raise Refusal(400, "InvalidTop", f"The $top value '{text}' is invalid: it must lie between 1 and {largest}.")
    return int(text)


def _spoilt(page: Page, fault: Fault) -> Page:
    if fault.kind == "repeated_token":
        return replace(page, next_token=page.came_with or page.next_token, is_truncated=True)
    if fault.kind == "empty_page":
        return replace(page, rows=[], next_token=page.here, is_truncated=True)
    if fault.kind == "foreign_next_link":
        return replace(page, next_token=page.next_token or page.here, has_foreign_link=True)
    if fault.kind == "lost_rows":
        return replace(page, rows=page.rows[: max(0, len(page.rows) - fault.rows)])
    if fault.kind == "truncated_without_token":
        return replace(page, next_token=None, is_truncated=True)
    spoil = _in_currency if fault.kind == "unknown_currency" else _with_bad_row
    return replace(page, rows=spoil(page.rows, fault))


def _with_bad_row(rows: Sequence[Row], fault: Fault) -> list[Row]:
    if not rows:
        return []
    place = min(fault.row, len(rows) - 1)
    return [*rows[:place], _bad_row(rows[place], fault.how), *rows[place + 1 :]]


def _bad_row(row: Row, how: str) -> Row:
    if "Currency" in row:
        return _bad_cost_row(row, how)
    name = "name" if "name" in row else "displayName"
    if how == "missing_id":
        return {key: value for key, value in row.items() if key != "id"}
    if how == "wrong_type":
        return {**row, "tags": ["not", "an", "object"]}
    spoilt = {
        "null_name": None,
        "oversized_name": "n" * OVERSIZED_CHARACTERS,
        "nul_character": f"{row.get(name)}\x00",
    }
    return {**row, name: spoilt[how]}


def _in_currency(rows: Sequence[Row], fault: Fault) -> list[Row]:
    spoilt = range(fault.row, fault.row + fault.rows)
    return [{**row, "Currency": fault.currency} if number in spoilt else row for number, row in enumerate(rows)]


def _bad_cost_row(row: Row, how: str) -> Row:
    """A row of a cost query, whose first column is the cost and which has no ID."""
    cost = next(iter(row))
    if how == "missing_id":
        return {key: value for key, value in row.items() if key != "Currency"}
    text = next((key for key in row if key not in (cost, "UsageDate", "Currency")), "Currency")
    spoilt: dict[str, tuple[str, Any]] = {
        "null_name": (cost, None),
        "wrong_type": (cost, "a lot"),
        "oversized_name": (text, "n" * OVERSIZED_CHARACTERS),
        "nul_character": (text, f"{row[text]}\x00"),
    }
    return {**row, spoilt[how][0]: spoilt[how][1]}
