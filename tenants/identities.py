"""Whose account at an identity provider is whose here: found by issuer and subject, bound once, never by e-mail."""

import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from audit.trail import record
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.models import Identity, User

WAITING = "waiting_identity"  # in the session
WAITING_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class ProvenIdentity:
    """What a verified token says of who somebody is. `email` and `name` are for showing; nothing is decided by them."""

    provider: str  # name of the backend: "b2c", "oidc"
    issuer: str
    subject: str
    email: str = ""
    name: str = ""


class IdentityTakenError(Exception):
    """The identity signs in somebody else already. Nothing was changed."""


def person_of(issuer: str, subject: str) -> User | None:
    """The active person whom this account at a provider signs in; None for anybody else. One query."""
    with _among_all():
        found = _identity(issuer, subject)
    return found.user if found is not None and found.user.is_active else None


def note_use(issuer: str, subject: str) -> None:
    """Remember that the identity signed its person in now."""
    with _among_all():
        Identity.objects.filter(issuer=issuer, subject=subject).update(last_used_at=timezone.now())


@transaction.atomic
def bind_identity(user: User, issuer: str, subject: str) -> Identity:
    """Let an account at a provider sign this person in from now on. Doing it again changes nothing.

    Raises IdentityTakenError when it signs in somebody else.
    """
    try:
        with _among_all(), transaction.atomic():
            identity, is_new = Identity.objects.get_or_create(
                issuer=issuer, subject=subject, defaults={"user": user, "bound_at": timezone.now()}
            )
    except IntegrityError as error:  # on an engine that ignores letter case: another one of the same letters
        raise IdentityTakenError(_taken(issuer)) from error
    if identity.user_id != user.id or (identity.issuer, identity.subject) != (issuer, subject):
        raise IdentityTakenError(_taken(issuer))
    bound: Identity = identity
    if is_new:
        record(Verb.IDENTITY_BOUND, tenant_id=None, target=user, after={"issuer": issuer, "subject": subject})
    return bound


def let_wait(request: HttpRequest, proven: ProvenIdentity) -> None:
    """Keep what was proven about somebody unknown in their session, for as long as accepting an invitation takes."""
    request.session[WAITING] = {**asdict(proven), "since": int(time.time())}


def waiting_identity(request: HttpRequest) -> ProvenIdentity | None:
    """Who proved a quarter of an hour ago at most, in this session, who they are, without being anybody here."""
    kept: dict[str, Any] | None = request.session.get(WAITING)
    if kept is None or time.time() - kept["since"] > WAITING_SECONDS:
        return None
    return ProvenIdentity(**{name: value for name, value in kept.items() if name != "since"})


def forget_waiting(request: HttpRequest) -> None:
    """Nobody waits in this session any more."""
    request.session.pop(WAITING, None)


def _among_all() -> AbstractContextManager[Scope]:
    return entered(Scope.every_tenant(reason="Whose identity this is, is not known yet."))


def _identity(issuer: str, subject: str) -> Identity | None:
    """SQL Server compares without letter case; a subject of other letters is another one."""
    found: Identity | None = Identity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
    return found if found is not None and (found.issuer, found.subject) == (issuer, subject) else None


def _taken(issuer: str) -> str:
    return f"That account of {issuer} signs in somebody else already."
