"""When a session of the portal begins and how all sessions of a person end."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from audit.trail import record
from audit.verbs import Verb
from tenants.models import Membership, User

BACKEND = "tenants.passwords.PersonBackend"
LOCAL = "local password"
PROVIDER = "provider"  # in the session: the identity provider that the person came from


@transaction.atomic
def begin_session(request: HttpRequest, user: User, *, provider: str = "", until: datetime | None = None) -> None:
    """Sign a person in, with a new session key, for eight hours from now and not longer, whatever they do.

    `until` may end it earlier.
    """
    ends_at = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    login(request, user, backend=BACKEND)
    request.session[PROVIDER] = provider
    request.session.set_expiry(min(ends_at, until) if until else ends_at)
    record(Verb.SIGNED_IN, tenant_id=None, target=user, after={"provider": provider or LOCAL})


def end_sessions(user: User) -> None:
    """Sign a person out everywhere: what they have open is refused at its next request."""
    User.objects.filter(id=user.id).update(session_generation=F("session_generation") + 1)


def end_sessions_of_stranger(user: User) -> None:
    """Sign somebody out everywhere who has no role left, neither in a tenant nor in the platform."""
    if not user.platform_role and not Membership.objects.of_user(user.id).exists():
        end_sessions(user)
