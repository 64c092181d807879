"""Letting in somebody who proved who they are, is nobody here yet, and holds an invitation: the one way to an account.

The link proves that the mail reached them, the identity provider who they are from then on. Neither is enough alone.
The address that the provider tells can only speak against them: it decides nothing in their favour (docs/adr/0015).
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from audit.trail import gathered, record
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.identities import ProvenIdentity, bind_identity
from tenants.invitations import Offer, WrongPersonError, accept
from tenants.models import Membership, User

LONGEST_NAME = 200


class AddressInUseError(Exception):
    """There is an account with the invited address, which this identity does not sign in. Nothing was changed."""


@transaction.atomic
def accept_as_newcomer(offer: Offer, proven: ProvenIdentity, *, now: datetime) -> tuple[User, list[Membership]]:
    """Make an account for the invited address, let this identity sign it in, and give it the roles offered.

    All of it or nothing. Raises WrongPersonError when the provider tells another address, AddressInUseError,
    InvitationGoneError, and IdentityTakenError when the identity became somebody's meanwhile.
    """
    if not is_for(offer, proven):
        raise WrongPersonError
    with gathered():
        with entered(Scope.every_tenant(reason="An account is made for somebody who belongs to no tenant yet.")):
            user = _new_user(offer.email, proven.name)
        record(Verb.PERSON_CREATED, tenant_id=None, target=user, after={"email": user.email, "by": "invitation"})
        bind_identity(user, proven.issuer, proven.subject)
        return user, accept(offer, user, now=now)


def is_for(offer: Offer, proven: ProvenIdentity) -> bool:
    """Whether nothing says that the invitation is somebody else's: a provider may tell no address at all."""
    return not proven.email or proven.email.strip().lower() == offer.email


def _new_user(email: str, name: str) -> User:
    if User.objects.filter(email=email).exists():
        raise AddressInUseError
    try:
        with transaction.atomic():
            user: User = User.objects.create_user(email, name=name.strip()[:LONGEST_NAME])
    except IntegrityError as error:  # somebody was quicker
        raise AddressInUseError from error
    return user
