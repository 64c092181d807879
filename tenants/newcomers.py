"""How somebody whom an invitation lets in becomes a person: with the account at a provider that they just proved.

The page that accepts invitations calls it:

    @for_strangers                                   # an unknown identity that wanted this page is sent here
    def invitation(request): ...
        if not request.user.is_authenticated and waiting_identity(request):
            become_person(request, offer.email)      # now request.user is that person, signed in

The address is the one that the invitation was sent to, since whoever opened its link reads the mail of that address.
What the provider says of addresses plays no part.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from audit.trail import record
from audit.verbs import Verb
from tenants.identities import bind_identity, forget_waiting, waiting_identity
from tenants.models import User
from tenants.sessions import begin_session

View = TypeVar("View", bound=Callable[..., Any])


class NobodyWaitsError(Exception):
    """Nobody proved in this session who they are, or it was too long ago. Nothing was changed."""


class AccountExistsError(Exception):
    """Somebody has this address already, and an invitation is no way into their account. Nothing was changed."""


def for_strangers(view: View) -> View:
    """Mark a page that is for whoever proved who they are and is nobody here yet."""
    view.welcomes_strangers = True  # type: ignore[attr-defined]
    return view


def welcomes_strangers(path: str) -> bool:
    """Whether this path of the portal leads to such a page."""
    try:
        return getattr(resolve(path.partition("?")[0]).func, "welcomes_strangers", False)
    except Resolver404:
        return False


@transaction.atomic
def become_person(request: HttpRequest, email: str) -> User:
    """Make whoever waits in this session a person of this address, bind their account to it and sign them in.

    Raises NobodyWaitsError and AccountExistsError; IdentityTakenError when the account was bound meanwhile.
    """
    proven = waiting_identity(request)
    if proven is None:
        raise NobodyWaitsError
    if User.objects.filter(email=email.strip().lower()).exists():
        raise AccountExistsError
    user: User = User.objects.create_user(email, name=proven.name[:200])
    bind_identity(user, proven.issuer, proven.subject)
    record(Verb.PERSON_CREATED, tenant_id=None, target=user, after={"email": user.email, "name": user.name})
    forget_waiting(request)
    begin_session(request, user, provider=proven.provider)
    return user
