"""The pages of API tokens: one's own and those of the tenants one administers; making one, revoking one."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.access import Permission, Role, access_of, get_visible_or_404
from governance.gate import requires
from governance.ui.list_page import ListPage
from tenants.forms import TokenForm
from tenants.models import ApiToken, User
from tenants.token_lists import state_of, tokens_of, tokens_seen_by
from tenants.tokens import USUAL_DAYS, NewToken, make_token, revoke_token


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.OWN)
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens that one may see; making one. What was made is shown in the answer to the form, and never again."""
    page = ListPage(request, tokens_of(access_of(request), request.user.pk))
    chosen = page.asked.form.cleaned_data.get("tenant") if page.is_valid else None
    usual = {"tenant": chosen, "role": Role.READER.word, "days": USUAL_DAYS}
    form = TokenForm(request.POST or None, initial=usual)
    if request.method == "POST" and form.is_valid() and (made := _made(request, form)):
        return render(request, "tenants/new_token.html", {"token": made.row, "text": made.text}, status=201)
    answer = page.render("tenants/tokens.html", form=form, belongs_somewhere=form.fields["tenant"].queryset.exists())  # type: ignore[attr-defined]
    if form.errors:
        answer.status_code = 400
    return answer


def _made(request: HttpRequest, form: TokenForm) -> NewToken | None:
    asked = form.cleaned_data
    user: Any = request.user
    try:
        return make_token(user, asked["tenant"], name=asked["name"], role=form.wanted(), days=asked["days"])
    except ValidationError as error:
        form.add_error(None, error)
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.OWN)
def token(request: HttpRequest, token_id: str) -> HttpResponse:
    """One token; its person and the admins of its tenant revoke it."""
    row = get_visible_or_404(tokens_seen_by(access_of(request), request.user.pk), token_id)
    may_revoke = may_revoke_token(request, row)
    if request.method == "POST":
        if not may_revoke:
            raise PermissionDenied("The person of the token and the admins of its tenant revoke it.")
        revoke_token(row)
        messages.success(request, f"The token {row.name} opens nothing any more.")
        return HttpResponseRedirect(reverse("tenants:tokens"), status=303)
    is_revoked = row.state_at(timezone.now()) is ApiToken.State.REVOKED
    told = {"token": row, "state": state_of(row), "may_revoke": may_revoke and not is_revoked}
    return render(request, "tenants/token.html", told)


def may_revoke_token(request: HttpRequest, row: ApiToken) -> bool:
    """Its person, and who manages the people of its tenant."""
    user: Any = request.user
    is_own = isinstance(user, User) and row.user_id == user.pk
    return is_own or access_of(request).may(Permission.MANAGE_PEOPLE, row.tenant_id)
