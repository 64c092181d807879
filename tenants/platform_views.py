"""The page of the platform's own people: who audits it, who administers it; giving and taking these roles."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from governance.access import Permission, access_of, require
from governance.gate import requires
from tenants.forms import plain
from tenants.models import User
from tenants.platform_roles import LastPlatformAdminError, person_with, set_platform_role


class PlatformRoleForm(forms.Form):
    """Whose role in the platform is to be which."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs=plain()),
        help_text="Of somebody who has an account: invite them into a tenant first, or create it by command.",
    )
    platform_role = forms.ChoiceField(
        label="Role in the platform",
        choices=[
            ("auditor", "Platform auditor: reads all of every tenant, changes nothing"),
            ("admin", "Platform admin: is admin of every tenant, connects tenants, gives these roles"),
            ("none", "None: only what they are in tenants"),
        ],
    )

    def clean_email(self) -> User:
        """The person. Platform admins are told all about accounts (docs/adr/0009), so this may say there is none."""
        user = person_with(self.cleaned_data["email"])
        if user is None:
            raise forms.ValidationError("Nobody has an account with this address.")
        return user

    def wanted(self) -> User.PlatformRole:
        """The role asked for, of a valid form."""
        return User.PlatformRole(self.cleaned_data["platform_role"].replace("none", ""))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE_PLATFORM_ROLES, POST=Permission.GIVE_PLATFORM_ROLES)
def platform_people(request: HttpRequest) -> HttpResponse:
    """Auditors and admins of the platform, for themselves; its admins give and take these roles."""
    form, status = PlatformRoleForm(), 200
    if request.method == "POST":
        require(request, Permission.GIVE_PLATFORM_ROLES)
        form = PlatformRoleForm(request.POST)
        if form.is_valid() and _done(request, form):
            return HttpResponseRedirect(_next(request), status=303)
        status = 400 if form.errors else 409
    require(request, Permission.SEE_PLATFORM_ROLES)
    people = User.objects.exclude(platform_role="").order_by("platform_role", "email")
    may_give = access_of(request).may(Permission.GIVE_PLATFORM_ROLES)
    return render(
        request, "tenants/platform_people.html", {"people": people, "form": form, "may_give": may_give}, status=status
    )


def _done(request: HttpRequest, form: PlatformRoleForm) -> bool:
    user: Any = form.cleaned_data["email"]
    try:
        set_platform_role(user, form.wanted())
    except LastPlatformAdminError as error:
        messages.error(request, str(error))
        return False
    label = user.get_platform_role_display().lower() if user.platform_role else "nobody in the platform"
    messages.success(request, f"{user.email} is {label} now.")
    return True


def _next(request: HttpRequest) -> str:
    """Whoever just gave their own role away may not see this page any more."""
    mine: Any = User.objects.get(pk=request.user.pk)
    return reverse("tenants:platform-people" if mine.platform_role else "portal:overview")
