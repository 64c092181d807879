"""The page that the link of an invitation leads to: what is offered, and accepting it.

Whoever holds the link sees the offer. It is accepted by the account that has the invited address, or by somebody who
proved who they are at an identity provider and is nobody here yet: their account is made then.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.access import Permission
from governance.gate import requires
from tenants.identities import IdentityTakenError, ProvenIdentity, forget_waiting, waiting_identity
from tenants.invitations import PROOF, InvitationGoneError, Offer, WrongPersonError, accept, open_offer, proof_in
from tenants.models import Membership
from tenants.newcomers import AddressInUseError, accept_as_newcomer, is_for
from tenants.sessions import begin_session

IN_USE = (
    "There is an account with the invited address, and you do not sign in to it this way. Sign in as you did before. "
    "An admin of the platform can let this way sign you in too."
)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.PUBLIC)
def invitation(request: HttpRequest) -> HttpResponse:
    """What a link offers, and accepting it. The link leaves the address at once; the session keeps what it proved.

    A link that was used, revoked, that expired or never was one: the same page.
    """
    if request.method != "POST" and "token" in request.GET:
        return _opened(request, proof_in(request.GET["token"]))
    offer = _offer(request)
    if offer is None:
        return _gone(request)
    if request.method != "POST":
        return _page(request, offer)
    try:
        return _accepted(request, offer)
    except WrongPersonError:
        return _page(request, offer, status=403)
    except InvitationGoneError:
        return _gone(request)


def _offer(request: HttpRequest) -> Offer | None:
    proof = request.session.get(PROOF)
    return open_offer(proof, now=timezone.now()) if proof else None


def _opened(request: HttpRequest, proof: str) -> HttpResponse:
    if open_offer(proof, now=timezone.now()) is None:
        return _gone(request)
    request.session[PROOF] = proof
    return HttpResponseRedirect(reverse("tenants:invitation"), status=303)


def _accepted(request: HttpRequest, offer: Offer) -> HttpResponse:
    user: Any = request.user
    proven = None if user.is_authenticated else waiting_identity(request)
    if user.is_authenticated:
        return _welcome(request, accept(offer, user, now=timezone.now()))
    if proven is not None:
        return _newcomer(request, offer, proven)
    return HttpResponseRedirect(f"{reverse('sign-in')}?next={reverse('tenants:invitation')}", status=303)


def _newcomer(request: HttpRequest, offer: Offer, proven: ProvenIdentity) -> HttpResponse:
    try:
        user, held = accept_as_newcomer(offer, proven, now=timezone.now())
    except AddressInUseError:
        messages.error(request, IN_USE)
        return _page(request, offer, status=409)
    except IdentityTakenError:  # it is somebody's now: let them sign in
        forget_waiting(request)
        return redirect(f"{reverse('sign-in')}?next={reverse('tenants:invitation')}")
    forget_waiting(request)
    begin_session(request, user, provider=proven.provider)
    return _welcome(request, held)


def _welcome(request: HttpRequest, held: Sequence[Membership]) -> HttpResponse:
    """To the tenant, with words on what the person is now."""
    request.session.pop(PROOF, None)
    where = "the tenant" if len(held) == 1 else f"{len(held)} tenants"
    messages.success(request, f"Welcome. You have a role in {where} now.")
    address = reverse("tenants:tenant", args=[held[0].tenant_id]) if len(held) == 1 else reverse("tenants:tenants")
    return HttpResponseRedirect(address, status=303)


def _page(request: HttpRequest, offer: Offer, *, status: int = 200) -> HttpResponse:
    """The offer, and who would accept it: the person signed in, or who proved who they are; else nobody yet."""
    user: Any = request.user
    proven = None if user.is_authenticated else waiting_identity(request)
    if user.is_authenticated:
        who, is_other = user.email, user.email.lower() != offer.email
    elif proven is not None:
        who, is_other = proven.email or proven.name or proven.subject, not is_for(offer, proven)
    else:
        who, is_other = "", False
    return render(request, "tenants/invitation.html", {"offer": offer, "who": who, "is_other": is_other}, status=status)


def _gone(request: HttpRequest) -> HttpResponse:
    request.session.pop(PROOF, None)
    return render(request, "tenants/invitation_gone.html", status=404)
