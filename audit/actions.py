"""What people do to files."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.files import every_file, named, set_tenants, tenants_of, told_of
from audit.models import ReportFile
from audit.trail import Target, record_concerning
from audit.verbs import Verb

MOST_WAITING = 5  # files a person may have waiting at a time
TOO_MANY = f"You have {MOST_WAITING} files waiting already. Wait for one of them, or narrow what you ask for."


@transaction.atomic
def ask_for_file(owner_id: UUID, *, tenants: Iterable[UUID], expected: int | None, **what: Any) -> ReportFile:
    """Write down that a person wants a file with rows of these tenants; whoever calls wakes a worker after commit.

    `what`: kind, format, subject, title, and for an export query, columns, selection. Raises ValidationError when the
    person has too many waiting.
    """
    now = timezone.now()
    get_user_model()._default_manager.select_for_update().get(pk=owner_id)  # two at once: one after the other
    if every_file().waiting().filter(owner_id=owner_id).count() >= MOST_WAITING:
        raise ValidationError(TOO_MANY)
    row = ReportFile(owner_id=owner_id, expected=expected, created_at=now, heartbeat_at=now, **what)
    row.full_clean(exclude=["owner"])
    row.save(force_insert=True)
    held = frozenset(tenants)
    set_tenants(row, held)
    record_concerning(Verb.FILE_ASKED_FOR, held, target=named(row), after=told_of(row))
    return row


def note_download(row: ReportFile) -> None:
    """Write down that somebody takes a file away; before the first byte leaves."""
    verb = Verb.REPORT_VIEWED if row.kind == row.Kind.REPORT else Verb.FILE_DOWNLOADED
    record_concerning(verb, tenants_of(row), target=named(row), after={"sha256": row.sha256, "rows": row.rows})


def note_export(tenants: Iterable[UUID], *, title: str, subject: str, **what: Any) -> None:
    """Write down that somebody exported a list at once; before the first byte leaves."""
    target = Target("list", subject, title)
    record_concerning(Verb.EXPORT_MADE, frozenset(tenants), target=target, after=what)
