"""The pages of the people of a tenant: who has which role; inviting, changing and taking away."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.access import Permission, Role, access_of, get_visible_or_404, require
from governance.gate import requires
from governance.ui.list_page import ListPage
from tenants.actions import LastAdminError, change_role, remove_person
from tenants.forms import InviteForm, RoleForm
from tenants.invitations import NotInvitedError, invite
from tenants.models import Invitation, Membership, Tenant
from tenants.people import known
from tenants.people_lists import people_of

INVITED = "{email} is invited as {role}. They have the role once they accept; the list below tells how far it is."
PENDING_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE_PEOPLE, POST=Permission.MANAGE_PEOPLE)
def people(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Everybody with a role in the tenant or invited, for its admins and the platform's people; its admins invite."""
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.SEE_PEOPLE, tenant.id)
    form = InviteForm(request.POST or None, initial={"role": Role.READER.word})
    if request.method == "POST":
        require(request, Permission.MANAGE_PEOPLE, tenant.id)
        if form.is_valid() and _invited(request, tenant, form):
            return HttpResponseRedirect(reverse("tenants:people", args=[tenant.id]), status=303)
    page = ListPage(request, people_of(tenant, access_of(request)))
    may = access_of(request).may(Permission.MANAGE_PEOPLE, tenant.id)
    pending = Invitation.objects.for_tenant(tenant.id).pending().select_related("invited_by").order_by("email", "id")
    context = {"pending": pending[:PENDING_SHOWN], "now": timezone.now(), "may_manage": may}
    answer = page.render("tenants/people.html", tenant=tenant, form=form, **context)
    if form.errors:
        answer.status_code = 400
    return answer


def _invited(request: HttpRequest, tenant: Tenant, form: InviteForm) -> bool:
    email, role = form.cleaned_data["email"].lower(), form.wanted()
    user: Any = request.user
    try:
        invite([tenant], email, role, by=user)
    except NotInvitedError as error:
        form.add_error("email", str(error))
        return False
    messages.success(request, INVITED.format(email=email, role=role.word))
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE_PEOPLE, POST=Permission.MANAGE_PEOPLE)
def person(request: HttpRequest, tenant_id: str, membership_id: str) -> HttpResponse:
    """One person of the tenant and their role; its admins change it."""
    row = _visible(request, tenant_id, membership_id)
    form = RoleForm(request.POST or None, initial={"role": row.role})
    if request.method == "POST":
        require(request, Permission.MANAGE_PEOPLE, row.tenant_id)
        if form.is_valid() and _changed(request, row, form.wanted()):
            return _back(request, row)
    return _page(request, "tenants/person.html", row, form=form)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MANAGE_PEOPLE)
def remove(request: HttpRequest, tenant_id: str, membership_id: str) -> HttpResponse:
    """Take a person's role in the tenant away, after asking. For its admins."""
    row = _visible(request, tenant_id, membership_id)
    require(request, Permission.MANAGE_PEOPLE, row.tenant_id)
    if request.method == "POST" and _removed(request, row):
        return _back(request, row)
    return _page(request, "tenants/remove_person.html", row)


def _visible(request: HttpRequest, tenant_id: str, membership_id: str) -> Membership:
    """The role, if it is one of this tenant; 403 for whoever may not see its people."""
    tenant: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.SEE_PEOPLE, tenant.id)
    rows = Membership.objects.for_tenant(tenant.id).select_related("tenant", "user")
    row: Membership = get_visible_or_404(rows, membership_id)
    return row


def _changed(request: HttpRequest, row: Membership, role: Role) -> bool:
    def verb() -> None:
        change_role(row, role, by_platform=access_of(request).may(Permission.LEAVE_WITHOUT_ADMIN))

    return _done(request, verb, f"{row.user.email} is {role.word} of {row.tenant.name} now.")


def _removed(request: HttpRequest, row: Membership) -> bool:
    def verb() -> None:
        remove_person(row, by_platform=access_of(request).may(Permission.LEAVE_WITHOUT_ADMIN))

    return _done(request, verb, f"{row.user.email} has no role in {row.tenant.name} any more.")


def _done(request: HttpRequest, verb: Any, words: str) -> bool:
    try:
        verb()
    except LastAdminError as error:
        messages.error(request, str(error))
        return False
    except Membership.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, words)
    return True


def _page(request: HttpRequest, template: str, row: Membership, form: RoleForm | None = None) -> HttpResponse:
    """The page of one person; 400 or 409 when it says why nothing was changed."""
    user: Any = request.user
    access = access_of(request)
    told = {
        "membership": row,
        "tenant": row.tenant,
        "known": known(row.user, row.since, access),
        "is_oneself": row.user_id == user.pk,
        "may_manage": access.may(Permission.MANAGE_PEOPLE, row.tenant_id),
    }
    refusal = 400 if form is not None and form.errors else 409
    return render(request, template, {**told, "form": form}, status=refusal if request.method == "POST" else 200)


def _back(request: HttpRequest, row: Membership) -> HttpResponse:
    """To the people of the tenant; to the tenants for whoever just gave their own role away."""
    user: Any = request.user
    lost_sight = row.user_id == user.pk and access_of(request).everywhere is None
    address = reverse("tenants:tenants") if lost_sight else reverse("tenants:people", args=[row.tenant_id])
    return HttpResponseRedirect(address, status=303)
