"""Who does what is being done: ambient like the scope, for as long as one request, one task or one command lasts.

Whoever opens a door says who came in: the middleware for a request, the worker for a task, a command for itself. What
nobody said is never a person: it is the process, by its own name. `audit.trail` writes it down.
"""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class ActorKind(StrEnum):
    """What acts."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105  # an API token, of a person
    NOBODY = "nobody"  # a request without a person
    WORKER = "worker"
    COMMAND = "command"
    PROCESS = "process"  # nothing said who acts


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as it was then: the id of the person or token, the name of the command or task; and from where."""

    kind: ActorKind
    id: str
    label: str
    request_id: str = ""
    address: str = ""

    @classmethod
    def person(cls, user: Any, *, request_id: str = "", address: str = "") -> Self:
        """A signed-in person."""
        return cls(ActorKind.PERSON, str(user.pk), user.email, request_id, address)

    @classmethod
    def token(cls, token_id: Any, label: str, *, request_id: str = "", address: str = "") -> Self:
        """An API token; its label names the person it belongs to."""
        return cls(ActorKind.TOKEN, str(token_id), label, request_id, address)

    @classmethod
    def nobody(cls, *, request_id: str = "", address: str = "") -> Self:
        """A request without a person."""
        return cls(ActorKind.NOBODY, "", "not signed in", request_id, address)

    @classmethod
    def command(cls, name: str) -> Self:
        """A command of `manage.py`, and the account of the machine that ran it."""
        return cls(ActorKind.COMMAND, name, f"manage.py {name}, run by {_account()}")

    @classmethod
    def worker(cls, task: str, *, asked_by: "Actor | None" = None) -> Self:
        """A task in a worker. Who asked for it stands in the label, and their request's id connects the two."""
        if asked_by is None:
            return cls(ActorKind.WORKER, task, task)
        return cls(ActorKind.WORKER, task, f"{task}, asked for by {asked_by.label}", asked_by.request_id)

    def to_message(self) -> dict[str, str]:
        """As a message to a worker carries it."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_message(cls, told: dict[str, str]) -> Self:
        """The actor that a message names. ValueError or KeyError when it names none."""
        return cls(ActorKind(told["kind"]), told["id"], told["label"], told["request_id"], told["address"])


_current: ContextVar[Actor | Callable[[], Actor] | None] = ContextVar("actor", default=None)
_asker: ContextVar[Actor | None] = ContextVar("asker", default=None)


def current_actor() -> Actor:
    """Who acts now; this process when nobody said."""
    actor = _current.get()
    if actor is None:
        return this_process()
    return actor() if callable(actor) else actor


@contextmanager
def acting_as(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Do something as `actor`. A function is asked each time: who is signed in may change within a request."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def working_on(task: str, *, asked_by: Actor | None) -> Iterator[None]:
    """Do a task as the worker, for whoever asked for it."""
    token = _asker.set(asked_by)
    try:
        with acting_as(Actor.worker(task, asked_by=asked_by)):
            yield
    finally:
        _asker.reset(token)


def asker() -> Actor | None:
    """Who asks for what is handed to a worker now; None when it is nobody but the schedule."""
    actor = current_actor()
    if actor.kind is ActorKind.WORKER:
        return _asker.get()
    return None if actor.kind is ActorKind.PROCESS else actor


def this_process() -> Actor:
    """The process itself, by the program it runs."""
    program = Path(sys.argv[0] or "python").name
    return Actor(ActorKind.PROCESS, program, f"{program}, run by {_account()}")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "an account without a name"
