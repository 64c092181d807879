"""The letter of an invitation: what it says, sending it, and what is known of how that went.

The row is the queue: a message to a worker is only a wake-up, and a letter that could not be sent is due again later.
The link's secret is made here, at the moment of sending, and only its hash is kept: no queue and no log ever holds it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPSenderRefused
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from governance.tenancy import Scope, entered
from tenants.invitations import new_token
from tenants.models import Invitation

MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
ADDRESS_REFUSED = "The mail server refuses this address."
SENDER_REFUSED = "The mail server refuses our sender's address; see DEFAULT_FROM_EMAIL."
NO_ANSWER = "The mail server does not answer, or refuses us; see EMAIL_URL."

log = structlog.get_logger(__name__)


def send_letter(letter: UUID, *, now: datetime) -> bool:
    """Send a letter that is due. False when nothing is due, another worker is at it, or it could not be sent."""
    rows = _take_up(letter, now)
    if not rows:
        return False
    token, secret_hash = new_token(letter)
    with entered(Scope.of(*(row.tenant_id for row in rows))):
        mine = Invitation.objects.filter(letter=letter, id__in=[row.id for row in rows])
        mine.update(secret_hash=secret_hash)  # before it leaves: whoever reads it can follow the link at once
        problem = _try(rows, token)
        if problem:
            given_up = rows[0].mail_attempts + 1 >= MOST_ATTEMPTS
            mine.update(mail_problem=problem, **({"mail_due_at": None} if given_up else {}))
        else:
            mine.update(mail_problem="", mail_due_at=None, mailed_at=now)
    return not problem


def _take_up(letter: UUID, now: datetime) -> list[Invitation]:
    """The invitations of a due letter, now this worker's: for anybody else it is due only after a while.

    A worker that dies on the way leaves it due then; the next attempt makes a link of its own.
    """
    with entered(Scope.every_tenant(reason="A letter is known before anybody knows which tenants it is from.")):
        due = Invitation.objects.open(now).filter(letter=letter, mail_due_at__lte=now)
        rows = list(due.select_related("tenant", "invited_by").order_by("tenant__name"))
        if not rows:
            return []
        wait = min(FIRST_WAIT * 2 ** rows[0].mail_attempts, LONGEST_WAIT)
        taken = due.update(mail_due_at=now + wait, mail_attempts=F("mail_attempts") + 1)
    return rows if taken == len(rows) else []


def _try(rows: Sequence[Invitation], token: str) -> str:
    """Send it. What went wrong, in words that hold nothing of the server's; "" when the server took it."""
    try:
        _message(rows, token).send()
    except (SMTPException, OSError) as error:
        # The error's own words name the address, and whatever else the server says.
        log.warning("letter_not_sent", letter=str(rows[0].letter), error=type(error).__name__)
        return _in_words(error)
    return ""


def _in_words(error: Exception) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        return ADDRESS_REFUSED
    return SENDER_REFUSED if isinstance(error, SMTPSenderRefused) else NO_ANSWER


def _message(rows: Sequence[Invitation], token: str) -> EmailMultiAlternatives:
    """The letter: into which tenants, as what, by whom and until when. Nothing else of a tenant."""
    first = rows[0]
    where = first.tenant.name if len(rows) == 1 else f"{len(rows)} tenants"
    context = {
        "invitations": rows,
        "inviter": first.invited_by,
        "expires_at": min(row.expires_at for row in rows),
        "address": f"{settings.PORTAL_URL}{reverse('tenants:invitation')}?{urlencode({'token': token})}",
        "portal": settings.PORTAL_URL,
    }
    message = EmailMultiAlternatives(
        subject=f"You are invited to {where} on the Azure Governance Platform",
        body=render_to_string("mail/invitation.txt", context),
        to=[first.email],
    )
    message.attach_alternative(render_to_string("mail/invitation.html", context), "text/html")
    return message
