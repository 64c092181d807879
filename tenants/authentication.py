"""How a call to the API says who makes it. A module of its own: DRF loads it while importing its views."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class PortalSessionAuthentication(SessionAuthentication):
    """The portal's session cookie, with CSRF protection on writes; without it the answer is 401, not 403."""

    def authenticate_header(self, request: Request) -> str:
        """What DRF puts into WWW-Authenticate, which is what makes the answer a 401."""
        return "Session"
