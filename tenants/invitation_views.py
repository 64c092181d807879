"""The pages of invitations: one that waits, for the admins of its tenant; one into a group; and the one to accept."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.access import Permission, Role, access_of, get_visible_or_404, require
from governance.gate import requires
from tenants.forms import InviteForm
from tenants.invitations import (
    InvitationGoneError,
    Invited,
    NotInvitedError,
    Offer,
    WrongPersonError,
    accept,
    invite,
    open_offer,
    proof_in,
    resend,
    revoke,
)
from tenants.lists import tenants_of_group
from tenants.models import Invitation, Membership, Tenant
from tenants.people_lists import groups_with_members

PROOF = "invitation"  # in the session: what the link proved
SENT_AGAIN = "The invitation is sent again; the link of the mail before opens nothing any more."


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE_PEOPLE, POST=Permission.MANAGE_PEOPLE)
def pending(request: HttpRequest, tenant_id: str, invitation_id: str) -> HttpResponse:
    """One invitation that nobody accepted yet, and its mail; sending it again, and revoking it (`do=revoke`)."""
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.SEE_PEOPLE, tenant.id)
    rows = Invitation.objects.for_tenant(tenant.id).pending().select_related("tenant", "invited_by")
    row: Invitation = get_visible_or_404(rows, invitation_id)
    if request.method == "POST":
        require(request, Permission.MANAGE_PEOPLE, tenant.id)
        if _done(request, row):
            return HttpResponseRedirect(reverse("tenants:people", args=[tenant.id]), status=303)
    may_manage = access_of(request).may(Permission.MANAGE_PEOPLE, tenant.id)
    context = {"tenant": tenant, "invitation": row, "now": timezone.now(), "may_manage": may_manage}
    return render(request, "tenants/pending.html", context, status=409 if request.method == "POST" else 200)


def _done(request: HttpRequest, row: Invitation) -> bool:
    try:
        if request.POST.get("do") == "revoke":
            revoke(row)
            messages.success(request, f"The invitation of {row.email} is revoked.")
        else:
            resend(row)
            messages.success(request, f"{row.email}: {SENT_AGAIN}")
    except NotInvitedError as error:
        messages.error(request, str(error))
        return False
    except InvitationGoneError:
        messages.error(request, "This invitation was accepted or revoked meanwhile.")
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MANAGE_PEOPLE)
def invite_into_group(request: HttpRequest, group_id: str) -> HttpResponse:
    """Invite somebody into every tenant of a group that one sees, as it is now. For who manages the people of each."""
    group = get_visible_or_404(groups_with_members(), group_id)
    tenants = tenants_of_group(group)
    for tenant in tenants:
        require(request, Permission.MANAGE_PEOPLE, tenant.id)
    form = InviteForm(request.POST or None, initial={"role": Role.READER.word})
    if form.is_valid() and _invited(request, tenants, form):
        return HttpResponseRedirect(reverse("tenants:group", args=[group.id]), status=303)
    context = {"group": group, "tenants": tenants, "form": form}
    return render(request, "tenants/invite_into_group.html", context, status=400 if form.errors else 200)


def _invited(request: HttpRequest, tenants: Sequence[Tenant], form: InviteForm) -> bool:
    user: Any = request.user
    email = form.cleaned_data["email"].lower()
    try:
        done = invite(tenants, email, form.wanted(), by=user)
    except NotInvitedError as error:
        form.add_error("email", str(error))
        return False
    messages.success(request, f"{email} is invited into {_names(done)}, in one mail.")
    for reason in done.left_out.values():
        messages.warning(request, reason)
    return True


def _names(done: Invited) -> str:
    return ", ".join(sorted(row.tenant.name for row in done.rows))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.PUBLIC)
def invitation(request: HttpRequest) -> HttpResponse:
    """What a link offers, for whoever holds it; accepting it. The link is not shown in an address for longer than once.

    A link that was used, revoked, that expired or never was one: the same page.
    """
    if request.method != "POST" and "token" in request.GET:
        return _opened(request, proof_in(request.GET["token"]))
    offer = offer_of(request)
    if offer is None:
        return _gone(request)
    if request.method != "POST":
        return _offer_page(request, offer)
    if not request.user.is_authenticated:
        return HttpResponseRedirect(f"{reverse('sign-in')}?next={reverse('tenants:invitation')}", status=303)
    return _accepted(request, offer)


def offer_of(request: HttpRequest) -> Offer | None:
    """What the link offers that this session opened, if it still does."""
    proof = request.session.get(PROOF)
    return open_offer(proof, now=timezone.now()) if proof else None


def _opened(request: HttpRequest, proof: str) -> HttpResponse:
    if open_offer(proof, now=timezone.now()) is None:
        return _gone(request)
    request.session[PROOF] = proof
    return HttpResponseRedirect(reverse("tenants:invitation"), status=303)


def _accepted(request: HttpRequest, offer: Offer) -> HttpResponse:
    user: Any = request.user
    try:
        held = accept(offer, user, now=timezone.now())
    except WrongPersonError:
        return _offer_page(request, offer, status=403)
    except InvitationGoneError:
        return _gone(request)
    return welcomed(request, held)


def welcomed(request: HttpRequest, held: Sequence[Membership]) -> HttpResponse:
    """To the first of the tenants, with words on what the person is now."""
    request.session.pop(PROOF, None)
    where = "the tenant" if len(held) == 1 else f"{len(held)} tenants"
    messages.success(request, f"Welcome. You have a role in {where} now.")
    address = reverse("tenants:tenant", args=[held[0].tenant_id]) if len(held) == 1 else reverse("tenants:tenants")
    return HttpResponseRedirect(address, status=303)


def _offer_page(request: HttpRequest, offer: Offer, *, status: int = 200) -> HttpResponse:
    user: Any = request.user
    is_other = user.is_authenticated and user.email.lower() != offer.email
    return render(request, "tenants/invitation.html", {"offer": offer, "is_other": is_other}, status=status)


def _gone(request: HttpRequest) -> HttpResponse:
    request.session.pop(PROOF, None)
    return render(request, "tenants/invitation_gone.html", status=404)
