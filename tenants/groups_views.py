"""The pages of groups of tenants. Everybody sees the groups of their tenants; platform admins make them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import requires
from governance.ui.list_page import ListPage
from tenants.actions import delete_group, group_tenants
from tenants.forms import GroupForm, MembersForm
from tenants.models import TenantGroup
from tenants.people_lists import GROUPS, groups_with_members


@require_safe
@requires(Permission.SEE)
def groups(request: HttpRequest) -> HttpResponse:
    """The groups, each with those of its tenants that one may see."""
    page = ListPage(request, GROUPS)
    return page.render("tenants/groups.html", may_change=access_of(request).may(Permission.MAKE_GROUPS))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MAKE_GROUPS)
def make(request: HttpRequest) -> HttpResponse:
    """Make a group. For platform admins."""
    require(request, Permission.MAKE_GROUPS)
    form = GroupForm(request.POST or None)
    if form.is_valid() and TenantGroup.objects.filter(name=form.cleaned_data["name"]).exists():
        form.add_error("name", "There is a group of this name already.")
    if form.is_valid():
        return _grouped(request, form.cleaned_data["name"], form)
    return render(request, "tenants/make_group.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE, POST=Permission.MAKE_GROUPS)
def group(request: HttpRequest, group_id: str) -> HttpResponse:
    """One group and its tenants; platform admins change which they are."""
    row: TenantGroup = get_visible_or_404(groups_with_members(), group_id)
    form = None
    if request.method == "POST" or access_of(request).may(Permission.MAKE_GROUPS):
        require(request, Permission.MAKE_GROUPS)
        form = _members_form(request, row)
        if form.is_valid():
            return _grouped(request, row.name, form)
    may = access_of(request).may
    may_invite = all(may(Permission.MANAGE_PEOPLE, member.tenant_id) for member in row.members.all())
    context = {"group": row, "form": form, "may_invite": may_invite and row.members.all()}
    return render(request, "tenants/group.html", context, status=400 if form is not None and form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MAKE_GROUPS)
def delete(request: HttpRequest, group_id: str) -> HttpResponse:
    """Delete a group, after asking. For platform admins."""
    row: TenantGroup = get_visible_or_404(groups_with_members(), group_id)
    require(request, Permission.MAKE_GROUPS)
    if request.method != "POST":
        return render(request, "tenants/delete_group.html", {"group": row})
    delete_group(row)
    messages.success(request, f"The group {row.name} is deleted. Its tenants stay as they are.")
    return HttpResponseRedirect(reverse("tenants:groups"), status=303)


def _members_form(request: HttpRequest, row: TenantGroup) -> MembersForm:
    members = [member.tenant for member in row.members.all()]
    return MembersForm(request.POST if request.method == "POST" else None, members=members)


def _grouped(request: HttpRequest, name: str, form: Any) -> HttpResponse:
    row = group_tenants(name, list(form.cleaned_data["tenants"]))
    count = len(form.cleaned_data["tenants"])
    messages.success(request, f"The group {row.name} has {count} {'tenant' if count == 1 else 'tenants'} now.")
    return HttpResponseRedirect(reverse("tenants:group", args=[row.id]), status=303)
