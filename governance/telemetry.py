"""How the platform speaks of what it does: one structured log event per boundary, with the request or run id in it.

What people and Azure send may hold secrets and tenants' data, so no event holds it: addresses are written without the
values that let somebody in, and of an exception its type and where it was raised, never its words or its variables.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import structlog

SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

WITHHELD = "(withheld)"
# Names of values that let somebody in, in addresses, forms and connection strings.
SECRET_VALUES = (
    *("code", "state", "nonce", "token", "id_token", "access_token", "refresh_token", "client_info", "session_state"),
    *("assertion", "client_assertion", "client_secret", "secret", "password", "pwd", "sig", "signature", "key"),
    *("accountkey", "sharedaccesssignature", "csrfmiddlewaretoken", "code_verifier", "api_key"),
)
SECRET_FIELDS = re.compile(r"authorization|cookie|password|secret|assertion|credential|token$", re.IGNORECASE)
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"\b({'|'.join(SECRET_VALUES)})=[^&;\s\"'<>]+", re.IGNORECASE), rf"\1={WITHHELD}"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {WITHHELD}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), WITHHELD),  # a JSON Web Token
    (re.compile(r"(://[^/\s:@]*):[^@/\s]+@"), rf"\1:{WITHHELD}@"),  # a password in an address
    # The last part of an invitation's address is what lets somebody in; one that is an id of ours is none.
    (re.compile(r"(/(?:invitations?|invite|accept|reset)/)(?![0-9a-f]{8}-)[^/\s?\"']{16,}"), rf"\1{WITHHELD}"),
)

# One list for the whole process: a logger keeps the one that it first met.
PROCESSORS: list[Any] = [*SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, JSON lines for a machine or readable text for a person."""
    structlog.configure(
        processors=PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_words, without_secrets, renderer]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"task_failures": {"()": "governance.telemetry.TaskFailures"}},
        "formatters": {
            "events": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED_PROCESSORS,
                "processors": last,
            }
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "events", "filters": ["task_failures"]}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The SDKs log each request at INFO with its URL; ours is one event per run.
            "azure": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "django_structlog": {"level": "WARNING"},
        },
    }


def without_secrets(logger: Any, method: str, event: Any) -> Any:
    """Withhold what lets somebody in from every text of an event (a processor)."""
    return {name: WITHHELD if SECRET_FIELDS.search(name) else _censored(value) for name, value in event.items()}


def without_words(logger: Any, method: str, event: Any) -> Any:
    """Write an exception as its types and the lines of code that led to it (a processor)."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if info else None
    if error is not None:
        event["exception"] = "\n".join(_told(error, info[2] if isinstance(info, tuple) else error.__traceback__))
    return event


class TaskFailures(logging.Filter):
    """Celery writes an exception's words and traceback into its own sentence; the event keeps the task and its id."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without the words."""
        if record.name == "celery.app.trace" and isinstance(record.args, dict) and "exc" in record.args:
            record.msg = "Task %(name)s[%(id)s] %(description)s"
        return True


def _censored(value: Any) -> Any:
    if isinstance(value, dict):
        return without_secrets(None, "", value)
    if not isinstance(value, str):
        return value
    for pattern, instead in PATTERNS:
        value = pattern.sub(instead, value)
    return value


def _told(error: BaseException, trace: TracebackType | None) -> Iterator[str]:
    """The causes first, as Python prints them, each with its type alone."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before, before.__traceback__)
        yield "which led to"
    yield from (line.rstrip() for line in traceback.format_tb(trace))
    yield f"{type(error).__module__}.{type(error).__qualname__}: {WITHHELD}"
