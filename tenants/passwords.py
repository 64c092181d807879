"""Local passwords: whom they sign in, and until when."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils import timezone

from tenants.models import User


class PersonBackend(ModelBackend):
    """Signs in by password where that is allowed, and reads the person of every session, however it began."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The person with this address and password; None as well when their password does not work (any more)."""
        user: Any = super().authenticate(request, username=username, password=password, **kwargs)
        return user if user is not None and _works(user, timezone.now()) else None


def _works(user: User, now: datetime) -> bool:
    if user.password_expires_at is not None:
        return now < user.password_expires_at
    return bool(settings.SIGN_IN_LOCAL)
