"""Signing in and out of the portal, with an identity provider or a local password.

Neither way leads a form to another site: what goes on at the provider is a page that leads there (docs/adr/0013).
"""

from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from social_core.exceptions import SocialAuthBaseException

from audit.models import EventOutcome
from audit.trail import Target, record
from audit.verbs import Verb
from governance.access import Permission
from governance.gate import requires
from tenants.identities import forget_waiting, let_wait, waiting_identity
from tenants.invitations import PROOF
from tenants.providers import Provider, UnknownPersonError, configured_providers, provider_named
from tenants.sessions import LOCAL, PROVIDER, begin_session, end_sessions
from tenants.sign_in_errors import words_of

logger = structlog.get_logger(__name__)

NEXT = "next"  # in forms, in addresses, and in the session on the way to a provider and back


class SignInView(LoginView):
    """The providers as buttons; the form for local passwords where they are allowed, or at an address of its own."""

    template_name = "tenants/sign_in.html"
    redirect_authenticated_user = True
    always_asks_password = False

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What there is to sign in with."""
        asks_password = self.always_asks_password or settings.SIGN_IN_LOCAL
        providers = [] if self.always_asks_password else configured_providers(self.request)
        return super().get_context_data(asks_password=asks_password, providers=providers, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The right password."""
        person: Any = form.get_user()
        begin_session(self.request, person, until=person.password_expires_at)
        return redirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """The wrong one, or one that does not work any more. What was typed is kept nowhere: it may be a password."""
        _note_refusal(LOCAL, "wrong_password")
        return super().form_invalid(form)


@require_POST
@requires(Permission.PUBLIC)
@never_cache
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Go to the provider. `again` makes it ask who one is, even when it knows."""
    provider = _provider_or_404(request, name)
    request.session[NEXT] = _own_address(request, request.POST.get(NEXT, ""))
    if request.POST.get("again"):
        provider.PROMPT = "login"
    try:
        address = provider.auth_url()
    except SocialAuthBaseException as error:
        return _refused(request, provider, error)
    return _leave_for(request, address, f"Sign in with {provider.label}")


@require_GET
@requires(Permission.PUBLIC)
@never_cache
def done(request: HttpRequest, name: str) -> HttpResponse:
    """Come back from the provider, with a code or with its refusal."""
    provider = _provider_or_404(request, name)
    try:
        person: Any = provider.auth_complete(user=None)
    except UnknownPersonError as error:
        return _stranger(request, error)
    except SocialAuthBaseException as error:
        return _refused(request, provider, error)
    target = request.session.pop(NEXT, "")
    forget_waiting(request)
    begin_session(request, person, provider=provider.name)
    return redirect(target or settings.LOGIN_REDIRECT_URL)


@require_GET
@requires(Permission.PUBLIC)
@never_cache
def not_invited(request: HttpRequest) -> HttpResponse:
    """What somebody sees who proved who they are, and whom nobody invited."""
    proven = waiting_identity(request)
    if proven is None:
        return redirect(settings.LOGIN_URL)
    provider = provider_named(request, proven.provider)
    return render(request, "tenants/not_invited.html", {"proven": proven, "provider": provider}, status=403)


@require_POST
@requires(Permission.PUBLIC)
@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """End all of the person's sessions, here and at the provider that they came from."""
    provider = provider_named(request, request.session.get(PROVIDER, ""))
    person: Any = request.user
    if person.is_authenticated:
        end_sessions(person)
        record(Verb.SIGNED_OUT, tenant_id=None, target=person)
    logout(request)
    back_to = request.build_absolute_uri(reverse(settings.LOGOUT_REDIRECT_URL))
    address = provider.sign_out_address(back_to) if provider else ""
    return _leave_for(request, address, "Signing out") if address else redirect(settings.LOGOUT_REDIRECT_URL)


def _provider_or_404(request: HttpRequest, name: str) -> Provider:
    provider = provider_named(request, name)
    if provider is None:
        raise Http404
    return provider


def _own_address(request: HttpRequest, address: str) -> str:
    """The address if it is one of the portal, else none."""
    is_own = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if is_own else ""


def _leave_for(request: HttpRequest, address: str, title: str) -> HttpResponse:
    """A page that leads on by itself. A redirect would need `form-action` to name every host that may follow."""
    return render(request, "tenants/leave.html", {"address": address, "title": title})


def _refused(request: HttpRequest, provider: Provider, error: SocialAuthBaseException) -> HttpResponse:
    """Back to the sign-in page, with a sentence. The provider's own words go nowhere: a token may be among them."""
    _note_refusal(provider.name, f"{error.code} at {error.stage}")
    messages.error(request, words_of(error, description=request.GET.get("error_description", "")))
    target = request.session.get(NEXT, "")
    return redirect(f"{resolve_url(settings.LOGIN_URL)}{'?' + urlencode({NEXT: target}) if target else ''}")


def _stranger(request: HttpRequest, error: UnknownPersonError) -> HttpResponse:
    """Nobody is let in, and no account is made. What was proven waits, for an invitation to be accepted."""
    proven = error.identity
    let_wait(request, proven)
    _note_refusal(proven.provider, "unknown_person", Target("identity", proven.subject, proven.email or proven.subject))
    return redirect("tenants:invitation" if PROOF in request.session else "not-invited")


def _note_refusal(provider: str, reason: str, target: Target | None = None) -> None:
    logger.warning("sign_in_refused", provider=provider, reason=reason)
    refused = EventOutcome.REFUSED
    after = {"provider": provider}
    record(Verb.SIGN_IN_REFUSED, tenant_id=None, target=target, after=after, outcome=refused, reason=reason)
