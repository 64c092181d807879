"""The pages of those who invite: one invitation that waits, and inviting into every tenant of a group."""

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
from tenants.invitations import InvitationGoneError, Invited, NotInvitedError, invite, resend, revoke
from tenants.lists import tenants_of_group
from tenants.models import Invitation, Tenant
from tenants.people_lists import groups_with_members

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
