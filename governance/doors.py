"""Every door of the platform: each address of the URL configuration by method, and the permission it names.

The system checks read it, and so do docs/roles.md and the test that knocks at each.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from governance.gate import Gate, Requirement, api_view, is_public, methods_of

NAMED_GROUP = re.compile(r"\(\?P(<\w+>)[^)]*\)")
SCOPE, GATE = "tenants.middleware.ScopeMiddleware", "governance.gate.GateMiddleware"


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one address. `requirement` is None where the view does not name any."""

    name: str
    address: str
    method: str
    requirement: Requirement | None
    view: Any


def every_door(
    patterns: Sequence[Any] | None = None, *, before: str = "", spaces: tuple[str, ...] = ()
) -> Iterator[Door]:
    """All of them, in the order of the URL configuration."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        here = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = (*spaces, entry.namespace) if entry.namespace else spaces
            yield from every_door(entry.url_patterns, before=here, spaces=inner)
        elif isinstance(entry, URLPattern):
            name = ":".join((*spaces, entry.name or ""))
            for method, requirement in methods_of(entry.callback).items():
                yield Door(name, _plain(here), method, requirement, entry.callback)


def _plain(route: str) -> str:
    """A route as people write it: without the signs of a regular expression or of a converter."""
    named = NAMED_GROUP.sub(r"\1", route)
    for sign in ("^", "$", r"\Z", "str:", "uuid:", "int:"):
        named = named.replace(sign, "")
    return "/" + named


def gate_stands(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The gate is there, behind what says who asks."""
    order = [name for name in settings.MIDDLEWARE if name in {SCOPE, GATE}]
    if order == [SCOPE, GATE]:
        return []
    hint = f"Put {GATE} into MIDDLEWARE, after {SCOPE}."
    return [checks.Error("Nothing holds the views to the permissions they name.", hint=hint, id="governance.E072")]


def every_door_names_its_permission(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """A view that names no permission answers nothing; better said here than to the first who asks."""
    found: list[checks.CheckMessage] = []
    for door in every_door():
        if door.requirement is None:
            hint = "Write `@requires(…)` above a page, `requires = …` in a view of the API (governance/gate.py)."
            said = f"{door.method} {door.address} names no permission."
            found.append(checks.Error(said, hint=hint, obj=door.name, id="governance.E071"))
        elif (cls := api_view(door.view)) and not is_public(door.requirement) and Gate not in cls.permission_classes:
            hint = "Leave permission_classes to the settings, or keep governance.gate.Gate among them."
            said = f"{door.method} {door.address} goes past the gate."
            found.append(checks.Error(said, hint=hint, obj=door.name, id="governance.E073"))
    return found
