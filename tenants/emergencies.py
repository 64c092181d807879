"""Break-glass: a local password for an admin of the platform, for when the identity provider lets nobody in."""

import secrets
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from audit.trail import record
from audit.verbs import Verb
from tenants.models import User
from tenants.sessions import end_sessions

logger = structlog.get_logger(__name__)

LONGEST_HOURS = 8
PASSWORD_BYTES = 24


class NoAdminError(Exception):
    """Somebody has this address who is no admin of the platform, or nobody has it. Nothing was changed."""


@transaction.atomic
def open_glass(email: str, *, hours: int, reason: str) -> tuple[str, datetime]:
    """Give a platform admin a password that works for these hours, and until when; any other they had is gone.

    For an address that nobody has, the admin is made. Raises NoAdminError for somebody who is none, ValidationError
    for what is no address, too long a time or no reason.
    """
    if not 1 <= hours <= LONGEST_HOURS:
        raise ValidationError(f"Say from 1 to {LONGEST_HOURS} hours.")
    if not reason.strip():
        raise ValidationError("Say why, with --reason: it is written to the audit trail.")
    user = _admin(email.strip().lower())
    password, until = secrets.token_urlsafe(PASSWORD_BYTES), timezone.now() + timedelta(hours=hours)
    user.set_password(password)
    user.password_expires_at = until
    user.save()
    logger.critical("break_glass_opened", person=user.email, until=until.isoformat(), reason=reason)
    record(Verb.BREAK_GLASS_OPENED, tenant_id=None, target=user, after={"until": until.isoformat()}, reason=reason)
    return password, until


@transaction.atomic
def close_glass(email: str) -> None:
    """Take the password back, and end every session of its owner. Raises NoAdminError when there is none."""
    user = _accounts().filter(email=email.strip().lower(), password_expires_at__isnull=False).first()
    if user is None:
        raise NoAdminError(f"{email} has no such password.")
    user.set_unusable_password()
    user.password_expires_at = None
    user.save()
    end_sessions(user)
    logger.critical("break_glass_closed", person=user.email)
    record(Verb.BREAK_GLASS_CLOSED, tenant_id=None, target=user)


def _admin(email: str) -> User:
    admin: User | None = _accounts().filter(email=email).first()
    if admin is None:
        validate_email(email)
        made: User = User.objects.create_user(email, name="Break-glass", platform_role=User.PlatformRole.ADMIN)
        return made
    if admin.platform_role != User.PlatformRole.ADMIN or not admin.is_active:
        raise NoAdminError(f"{email} is no active admin of the platform. Give an address of an admin, or a new one.")
    return admin


def _accounts() -> Any:
    return User.objects.across_tenants(reason="An account belongs to no tenant.")
