"""`manage.py roles`: the matrix of the roles and what each address needs, as docs/roles.md."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from governance.doors import every_door
from governance.gate import EVERY, WhereHeld, api_view, named_by, permission_of
from governance.permissions import MATRIX, Holder


class Command(BaseCommand):
    """Write docs/roles.md to standard output: `make check` compares."""

    help = "Print who may do what, and what each address needs, as Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write("\n".join([*_head(), *_holders(), *_matrix(), *_doors()]))


def _head() -> Iterator[str]:
    yield "# Roles: who may do what"
    yield ""
    yield "`manage.py roles > docs/roles.md` writes it from `governance/permissions.py`; `make check` compares."
    yield "The same table is a page of the portal, `/roles/`."
    yield ""


def _holders() -> Iterator[str]:
    yield from ("| who | |", "|---|---|")
    for holder in Holder:
        yield f"| **{holder.title}** | {holder.meaning} |"
    yield ""


def _matrix() -> Iterator[str]:
    yield from ("## The matrix", "")
    yield f"| permission | where | {' | '.join(holder.title for holder in Holder)} |"
    yield "|---|---|" + "---|" * len(Holder)
    for permission, rule in MATRIX.items():
        held = " | ".join("yes" if holder in rule.holders else "no" for holder in Holder)
        yield f"| **{rule.title}** (`{permission.value}`): {rule.sentence} | {rule.reach.value} | {held} |"
    yield ""


def _doors() -> Iterator[str]:
    yield from ("## What each address needs", "")
    yield "`HEAD` and `OPTIONS` need what `GET` needs. Marked *: a list of where one holds the permission."
    yield from ("", "| address | method | needs |", "|---|---|---|")
    for address, method, needed in sorted(_rows()):
        yield f"| `{address}` | {method} | {needed} |"


def _rows() -> Iterator[tuple[str, str, str]]:
    for door in every_door():
        if door.requirement is not None:
            mark = "*" if isinstance(door.requirement, WhereHeld) else ""
            method = "every" if EVERY in named_by(door.view) and api_view(door.view) is None else door.method
            yield door.address, method, f"`{permission_of(door.requirement).value}`{mark}"
