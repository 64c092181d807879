"""Inviting people into tenants: offering a role to an address, sending the letter, and letting in who accepts.

Nobody learns here whether an address has an account, and nobody gets a role without accepting it (docs/adr/0015).
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.trail import gathered, record
from audit.verbs import Verb
from governance.keys import new_id
from governance.permissions import Role
from governance.tenancy import Scope, entered
from tenants.actions import one_at_a_time
from tenants.models import Invitation, Membership, Tenant, User

PROOF = "invitation"  # in a session: what a link proved
SEND_LETTER = "tenants.tasks.send_letter"  # the task that takes a letter
VALID_DAYS = 7
MOST_OPEN = 100  # invitations of one tenant at a time
RESEND_AFTER = timedelta(minutes=5)
SECRET_BYTES = 32
EXPIRES_SECONDS = 15 * 60  # a wake-up that is older than that was followed by another

log = structlog.get_logger(__name__)


class NotInvitedError(Exception):
    """The address was not invited, with the reason in words. Nothing was changed."""


class InvitationGoneError(Exception):
    """There is nothing to accept any more: it is used, revoked or expired."""


class WrongPersonError(Exception):
    """The invitation was sent to another address than the account has. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one letter offers: the invitations in it that are open, all to the same address, by the tenants' names."""

    email: str
    invitations: tuple[Invitation, ...]

    @property
    def expires_at(self) -> datetime:
        """The end of the first to end."""
        return min(row.expires_at for row in self.invitations)


@dataclass(frozen=True, slots=True)
class Invited:
    """Who was invited, and by the names of their tenants why others could not be."""

    rows: tuple[Invitation, ...]
    left_out: dict[str, str]


# --- offering ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def invite(tenants: Sequence[Tenant], email: str, role: Role, *, by: User | None) -> Invited:
    """Offer a role in each of these tenants to an address, in one mail. For who manages the people of each.

    What is answered does not depend on whether the address has an account. Where it has a role already, or is invited,
    or too many are, it is left out; raises NotInvitedError when that leaves nothing.
    """
    email, letter, now = email.strip().lower(), new_id(), timezone.now()
    left_out: dict[str, str] = {}
    rows = []
    with gathered():
        for tenant in sorted(tenants, key=lambda tenant: tenant.id):  # in one order, or two would wait for each other
            one_at_a_time(tenant.id)
            if reason := _reason_against(tenant, email, now):
                left_out[tenant.name] = reason
                continue
            row = Invitation(tenant=tenant, email=email, role=role.word, invited_by=by, letter=letter)
            row.expires_at, row.mail_due_at = now + timedelta(days=VALID_DAYS), now
            row.save(force_insert=True)
            rows.append(row)
            after = {"email": email, "role": role.word, "expires_at": row.expires_at}
            record(Verb.PERSON_INVITED, tenant_id=tenant.id, target=row, after=after)
        if not rows:
            raise NotInvitedError(" ".join(left_out.values()))
    transaction.on_commit(partial(wake, letter))
    return Invited(tuple(rows), left_out)


def _reason_against(tenant: Tenant, email: str, now: datetime) -> str:
    """Why this address cannot be invited; "" when it can. It says nothing that the list of people does not show."""
    if Membership.objects.for_tenant(tenant.id).filter(user__email=email).exists():
        return f"{email} has a role in {tenant.name} already; change it there."
    is_open = Invitation.objects.for_tenant(tenant.id).open(now)
    if is_open.filter(email=email).exists():
        return f"{email} is invited into {tenant.name} already; send that invitation again, or revoke it."
    if is_open.count() >= MOST_OPEN:
        return f"{tenant.name} has {MOST_OPEN} open invitations; revoke some, or wait until they expire."
    return ""


@transaction.atomic
def resend(invitation: Invitation) -> None:
    """Send a new letter, valid for as long as a first one; the link of the letter before opens nothing any more.

    Raises NotInvitedError for one that is not pending, that was sent a moment ago, or that nothing speaks for now.
    """
    one_at_a_time(invitation.tenant_id)
    now = timezone.now()
    row = Invitation.objects.for_tenant(invitation.tenant_id).pending().filter(id=invitation.id).first()
    if row is None:
        raise NotInvitedError("This invitation was accepted or revoked meanwhile.")
    if row.mailed_at is not None and row.mailed_at > now - RESEND_AFTER:
        raise NotInvitedError("The mail was sent a moment ago. Wait a few minutes before sending it again.")
    if not row.is_open(now) and (reason := _reason_against(row.tenant, row.email, now)):
        raise NotInvitedError(reason)
    row.letter, row.secret_hash, row.expires_at = new_id(), "", now + timedelta(days=VALID_DAYS)
    row.mail_due_at, row.mail_attempts, row.mail_problem, row.mailed_at = now, 0, "", None
    row.save()
    record(Verb.INVITATION_RESENT, tenant_id=row.tenant_id, target=row, after={"expires_at": row.expires_at})
    transaction.on_commit(partial(wake, row.letter))


@transaction.atomic
def revoke(invitation: Invitation) -> None:
    """Take the offer back. Raises InvitationGoneError when it was accepted or revoked meanwhile."""
    rows = Invitation.objects.for_tenant(invitation.tenant_id).pending().filter(id=invitation.id)
    if not rows.update(revoked_at=timezone.now(), mail_due_at=None):
        raise InvitationGoneError
    record(Verb.INVITATION_REVOKED, tenant_id=invitation.tenant_id, target=invitation, before={"role": invitation.role})


def wake(letter: UUID) -> bool:
    """Tell a worker that a letter waits. False when the broker does not answer: then the tending job tells it later."""
    try:
        current_app.send_task(SEND_LETTER, args=[str(letter)], expires=EXPIRES_SECONDS)
    except OperationalError:
        log.exception("letter_not_enqueued", letter=str(letter))
        return False
    return True


# --- the link ---------------------------------------------------------------------------------------------------------


def new_token(letter: UUID) -> tuple[str, str]:
    """What the link of a letter carries, and what is kept of it. Made by the worker that sends it, and only then."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return f"{letter.hex}.{secret}", _hash(secret)


def proof_in(token: str) -> str:
    """What a link proves, without the link itself: a session may keep it, and nobody can make the link of it."""
    letter, _, secret = token.partition(".")
    return f"{letter}.{_hash(secret)}"


def open_offer(proof: str, *, now: datetime) -> Offer | None:
    """What the link offers that this proves. None for one that was used, revoked or expired, and for what is none."""
    head, _, shown = proof.partition(".")
    try:
        letter = UUID(hex=head)
    except ValueError:
        return None
    with _every_tenant():
        rows = Invitation.objects.open(now).filter(letter=letter).exclude(secret_hash="")
        found = list(rows.select_related("tenant", "invited_by").order_by("tenant__name"))
    mine = tuple(row for row in found if secrets.compare_digest(row.secret_hash, shown))
    return Offer(mine[0].email, mine) if mine else None


def letters_due(now: datetime) -> list[UUID]:
    """The letters that a worker has to send, or to try again."""
    with _every_tenant():
        rows = Invitation.objects.open(now).filter(mail_due_at__lte=now)
        return list(rows.order_by().values_list("letter", flat=True).distinct())


def _every_tenant() -> AbstractContextManager[Scope]:
    return entered(Scope.every_tenant(reason="A letter is known before anybody knows which tenants it is from."))


def _hash(secret: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


# --- accepting --------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept(offer: Offer, user: User, *, now: datetime) -> list[Membership]:
    """Give the person the roles offered. Exactly one of two who accept at once is let in; whoever has a role keeps it.

    Raises WrongPersonError for an account with another address, InvitationGoneError when nothing is left to accept.
    """
    if user.email.lower() != offer.email:
        raise WrongPersonError
    with gathered():
        held = [membership for row in _in_order(offer) if (membership := _take(row, user, now)) is not None]
    if not held:
        raise InvitationGoneError
    return held


def _in_order(offer: Offer) -> Collection[Invitation]:
    return sorted(offer.invitations, key=lambda row: row.tenant_id)


def _take(row: Invitation, user: User, now: datetime) -> Membership | None:
    with entered(Scope.of(row.tenant_id)):
        one_at_a_time(row.tenant_id)
        still = Invitation.objects.for_tenant(row.tenant_id).open(now)
        mine = still.filter(id=row.id, letter=row.letter, secret_hash=row.secret_hash)
        if not mine.update(accepted_at=now, accepted_by=user, mail_due_at=None):
            return None
        membership: Membership
        membership, is_new = Membership.objects.get_or_create(
            tenant_id=row.tenant_id, user=user, defaults={"role": row.role}
        )
        after = {"email": user.email, "role": membership.role, "had_a_role": not is_new}
        record(Verb.INVITATION_ACCEPTED, tenant_id=row.tenant_id, target=row, after=after)
        return membership
