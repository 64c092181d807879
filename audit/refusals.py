"""What was refused to a signed-in person, in the platform's chain.

Whether what they asked for exists is in no event: a foreign object and a missing one are written alike, and of the key
in the address only its SHA-256, by which one can ask whether somebody tried a key that one knows. A person who tries
addresses by the thousand writes a hundred events an hour, the last of which says that there were more.
"""

import hashlib
from datetime import timedelta

from django.utils import timezone

from audit.models import AuditEvent, EventOutcome
from audit.trail import Target, record
from audit.verbs import Verb
from governance.actors import current_actor

MOST_AN_HOUR = 100  # events of one person
REFUSALS = (Verb.ACCESS_REFUSED, Verb.ADDRESS_REFUSED)
THERE_WERE_MORE = f"The {MOST_AN_HOUR}th refusal within an hour: further ones are not written down."


def note(verb: Verb, *, page: str, asked_for: str, method: str) -> None:
    """Write a refusal down; `asked_for` is the key in the address as it was given."""
    recently = timezone.now() - timedelta(hours=1)
    rows = AuditEvent.objects.across_tenants(reason="Refusals are counted in the platform's chain.")
    written = rows.filter(actor_id=current_actor().id, at__gt=recently, verb__in=REFUSALS)[:MOST_AN_HOUR].count()
    if written >= MOST_AN_HOUR:
        return
    record(
        verb,
        tenant_id=None,
        target=Target("page", page, f"{method} {page}"),
        after={"asked_for_sha256": hashlib.sha256(asked_for.encode()).hexdigest()} if asked_for else None,
        outcome=EventOutcome.REFUSED,
        reason=THERE_WERE_MORE if written == MOST_AN_HOUR - 1 else "",
    )
