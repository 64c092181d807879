"""API tokens: what they look like, making and revoking them, and knowing one again.

    agp_<32 hexadecimal digits: the row's key>_<64 hexadecimal digits: the secret>

The secret is 256 random bits, so its SHA-256 cannot be guessed back and needs no slow hash (docs/adr/0014).
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.trail import record
from audit.verbs import Verb
from governance.access import Role
from tenants.actions import one_at_a_time
from tenants.authorization import access_for
from tenants.models import TOKEN_PREFIX, ApiToken, Tenant, User

SECRET_BYTES = 32
USUAL_DAYS = 90
MOST_DAYS = 365
MOST_TOKENS = 50  # active ones of one person in one tenant
LONGEST_NAME = 80
USE_IS_NOTED_AFTER = timedelta(minutes=5)  # so that a busy program does not write a row with each call
NAME_TAKEN = "You have a token of that name in this tenant. Revoke it, or take another name."
FORM = re.compile(rf"{TOKEN_PREFIX}([0-9a-f]{{32}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `text` is shown to its person once and kept nowhere."""

    row: ApiToken
    text: str = field(repr=False)


class InvalidApiTokenError(Exception):
    """A token that opens nothing. `state` is None when there is no such token, as far as the caller may know."""

    def __init__(self, state: ApiToken.State | None, row: ApiToken | None = None) -> None:
        self.state, self.row = state, row
        super().__init__(state or "unknown")


@transaction.atomic
def make_token(user: User, tenant: Tenant, *, name: str, role: Role, days: int = USUAL_DAYS) -> NewToken:
    """Make a token for a person in a tenant, with at most the role they hold there now.

    Raises ValidationError, by field, for a name in use, a role above their own, a time that is too long, one too many.
    """
    one_at_a_time(tenant.id)
    now = timezone.now()
    name = " ".join(name.replace("\x00", " ").split())
    _require(name, role, days, held=access_for(user).role_in(tenant.id))
    mine = ApiToken.objects.for_tenant(tenant.id).of(user.id)
    if mine.not_revoked().filter(name=name).exists():
        raise ValidationError({"name": NAME_TAKEN})
    if mine.active(now).count() >= MOST_TOKENS:
        raise ValidationError({"name": f"You have {MOST_TOKENS} active tokens in this tenant; revoke one first."})
    secret = secrets.token_hex(SECRET_BYTES)
    row = ApiToken(tenant=tenant, user=user, name=name, role=role.word, secret_hash=_digest(secret))
    row.expires_at = now + timedelta(days=days)
    row.save(force_insert=True)
    record(Verb.TOKEN_MADE, tenant_id=tenant.id, target=row, after=_told(row))
    return NewToken(row, f"{row.visible_part}_{secret}")


def _require(name: str, role: Role, days: int, *, held: Role | None) -> None:
    found: dict[str, str] = {}
    if not 1 <= len(name) <= LONGEST_NAME:
        found["name"] = f"Give it a name of at most {LONGEST_NAME} characters."
    if held is None or role > held:
        found["role"] = f"You are {held.word if held else 'no member'} of this tenant; a token cannot hold more."
    if not 1 <= days <= MOST_DAYS:
        found["days"] = f"A token lives 1 to {MOST_DAYS} days."
    if found:
        raise ValidationError(found)


@transaction.atomic
def revoke_token(token: ApiToken) -> None:
    """Let a token open nothing from now on. Revoking it again changes nothing."""
    live = ApiToken.objects.for_tenant(token.tenant_id).not_revoked()
    if live.filter(id=token.id).update(revoked_at=timezone.now()):
        record(Verb.TOKEN_REVOKED, tenant_id=token.tenant_id, target=token, before=_told(token))


def recognise(text: str, *, now: datetime) -> ApiToken:
    """The active token of this text, with its person. Raises InvalidApiTokenError.

    Whether the person may still use it is asked of their memberships, by whoever makes the scope of the call.
    """
    shape = FORM.fullmatch(text)
    row = ApiToken.objects.presented(UUID(shape[1])).first() if shape else None
    if shape is None or row is None or not secrets.compare_digest(row.secret_hash, _digest(shape[2])):
        raise InvalidApiTokenError(None)
    if row.state_at(now) is not ApiToken.State.ACTIVE:
        raise InvalidApiTokenError(row.state_at(now), row)
    found: ApiToken = row
    return found


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Remember that it was used: one statement at most every few minutes, within its tenant's scope."""
    before = now - USE_IS_NOTED_AFTER
    if token.last_used_at is None or token.last_used_at <= before:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiToken.objects.for_tenant(token.tenant_id).filter(unnoted, id=token.id).update(last_used_at=now)


def _told(token: ApiToken) -> dict[str, str]:
    """What the audit trail keeps of it."""
    return {"person": token.user.email, "role": token.role, "expires_at": token.expires_at.isoformat()}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
