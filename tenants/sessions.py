"""When a session of the portal begins and how all sessions of a person end."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from social_django.models import Association, Nonce

from audit.trail import record
from audit.verbs import Verb
from tenants.models import Membership, User

BACKEND = "tenants.passwords.PersonBackend"
SIGN_IN_KEPT = timedelta(hours=1)  # longer than a state or nonce of social-auth is taken: half an hour
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
    accounts = User.objects.across_tenants(reason="An account belongs to no tenant.")
    accounts.filter(id=user.id).update(session_generation=F("session_generation") + 1)


def end_sessions_of_stranger(user: User) -> None:
    """Sign somebody out everywhere who has no role left, neither in a tenant nor in the platform."""
    if not user.platform_role and not Membership.objects.of_user(user.id).exists():
        end_sessions(user)


def forget_what_is_over(now: datetime) -> None:
    """Delete sessions that ended by time, and the states and nonces of sign-ins that nobody came back from."""
    Session.objects.filter(expire_date__lt=now).delete()
    Nonce.objects.filter(timestamp__lt=int((now - SIGN_IN_KEPT).timestamp())).delete()
    Association.objects.filter(issued__lt=int((now - SIGN_IN_KEPT).timestamp())).delete()
