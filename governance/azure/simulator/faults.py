"""Faults that are injected on request: each names which calls it hits, how often, and what goes wrong."""

import re
import threading
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from governance.azure.simulator.exchange import Request

INSTEAD_OF_ANSWER = frozenset(
    {"throttle", "forbidden", "server_error", "not_json", "unauthorized", "expired_link", "missing_blob"}
)
DAMAGED_ANSWER = frozenset({"reset", "half_page"})
SLOW = frozenset({"slow"})
PAGE = frozenset(
    {
        "repeated_token",
        "empty_page",
        "foreign_next_link",
        "bad_row",
        "lost_rows",
        "truncated_without_token",
        "unknown_currency",
    }
)
FILE = frozenset(
    {
        "truncated_csv",
        "missing_column",
        "unknown_currency",
        "lost_rows",
        "wrong_byte_count",
        "wrong_row_count",
        "missing_manifest",
    }
)
REPORT = frozenset({"report_failed"})
SIGHT = frozenset({"missing_subscription"})
KINDS = INSTEAD_OF_ANSWER | DAMAGED_ANSWER | SLOW | PAGE | FILE | REPORT | SIGHT
BUCKETS = ("qpu", "entity", "tenant", "client", "clienttype")
BAD_ROWS = ("missing_id", "null_name", "wrong_type", "oversized_name", "nul_character")
SERVER_ERRORS = (500, 502, 503, 504)


@dataclass
class Fault:
    """``path`` is a regular expression searched in the path, letter case ignored; none set hits every call.

    ``times`` limits how often it fires (``None``: always); ``after`` lets that many matching calls pass first.
    Page faults count pages only, and leave summaries alone unless ``query_contains`` speaks of ``summarize``.
    File faults count files of costs while those are written, by their own path: ``/account/container/name``.
    """

    kind: str
    method: str | None = None
    path: str | None = None
    query_contains: str | None = None
    times: int | None = None
    after: int = 0
    retry_after: int | str | None = None  # seconds, or "http-date"; throttle and server_error
    status: int = 503
    body: str | None = None
    seconds: float = 0.0
    how: str = "missing_id"
    row: int = 0
    bucket: str = "qpu"  # of Cost Management: which of its quotas throttle speaks of
    rows: int = 1
    column: str | None = None  # that missing_column leaves out; the amount, unless it is said
    currency: str = "XXQ"  # of the rows that unknown_currency spoils
    subscription: str | None = None
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown fault {self.kind!r}; known are {', '.join(sorted(KINDS))}.")
        if self.how not in BAD_ROWS:
            raise ValueError(f"Unknown bad row {self.how!r}; known are {', '.join(BAD_ROWS)}.")
        if self.bucket not in BUCKETS:
            raise ValueError(f"Unknown bucket {self.bucket!r}; known are {', '.join(BUCKETS)}.")
        if self.kind == "server_error" and self.status not in SERVER_ERRORS:
            raise ValueError("A server error has status 500, 502, 503 or 504.")
        if self.kind == "missing_subscription" and not self.subscription:
            raise ValueError("Say which subscription is missing.")
        if isinstance(self.retry_after, str) and self.retry_after != "http-date":
            raise ValueError('retry_after is a number of seconds or "http-date".')
        try:
            re.compile(self.path or "")
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error

    def matches(self, request: Request) -> bool:
        if self.method and self.method.upper() != request.method:
            return False
        if not self.matches_path(request.shown_path):
            return False
        return not self.query_contains or self.query_contains.lower() in request.text.lower()

    def matches_path(self, path: str) -> bool:
        return not self.path or re.search(self.path, path, re.IGNORECASE) is not None

    @property
    def speaks_of_summaries(self) -> bool:
        return "summarize" in (self.query_contains or "").lower()

    def counts_in(self) -> bool:
        """Counts one matching call; says whether the fault fires on it."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True


class Faults:
    """Thread-safe list of the faults in force, in the order in which they were added."""

    def __init__(self) -> None:
        self._all: list[Fault] = []
        self.version = 0  # changes whenever a fault is added or all are cleared
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._all.append(fault)
            self.version += 1
        return fault

    def clear(self) -> None:
        with self._lock:
            self._all.clear()
            self.version += 1

    def report(self) -> list[dict[str, Any]]:
        """Every fault with how many calls it has ``seen`` and how often it has ``fired``."""
        with self._lock:
            return [asdict(fault) for fault in self._all]

    def claim_first(self, kinds: Collection[str], request: Request) -> Fault | None:
        """The first fault that fires; those behind it do not count this call."""
        with self._lock:
            return next((fault for fault in self._matching(kinds, request) if fault.counts_in()), None)

    def claim_all(self, kinds: Collection[str], request: Request, *, is_summary: bool = False) -> list[Fault]:
        with self._lock:
            found = self._matching(kinds, request)
            return [fault for fault in found if (not is_summary or fault.speaks_of_summaries) and fault.counts_in()]

    def claim_for_file(self, path: str) -> list[Fault]:
        """Those that spoil this file."""
        with self._lock:
            found = [fault for fault in self._all if fault.kind in FILE and fault.matches_path(path)]
            return [fault for fault in found if fault.counts_in()]

    def _matching(self, kinds: Collection[str], request: Request) -> Iterable[Fault]:
        return (fault for fault in self._all if fault.kind in kinds and fault.matches(request))
