"""Somebody invited becomes a person with the account they proved, and nobody takes an account over that way."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path

from governance import urls
from governance.azure.simulator.server import Simulator
from tenants.identities import IdentityTakenError, bind_identity
from tenants.models import Identity, User
from tenants.newcomers import AccountExistsError, NobodyWaitsError, become_person, for_strangers
from tests.portal.providers import STRANGER, Browser, is_signed_in, use_b2c


@for_strangers
def offer(request: HttpRequest) -> HttpResponse:
    """Stands for the page that accepts invitations."""
    return HttpResponse("An offer.")


urlpatterns = [*urls.urlpatterns, path("offer/", offer, name="offer")]


@pytest.fixture
def stranger(azure: Simulator, settings: LazySettings, db: None) -> Browser:
    """The browser of somebody who just proved who they are, and is nobody."""
    use_b2c(azure, settings)
    browser = Browser(azure)
    browser.sign_in(STRANGER.email)
    return browser


def request_of(browser: Browser) -> Any:
    """A request within this browser's session, as a view has it."""
    request: Any = RequestFactory().get("/")
    request.session, request.user = browser.portal.session, AnonymousUser()
    return request


def test_who_was_invited_becomes_a_person_and_signs_in_from_then_on(stranger: Browser) -> None:
    request = request_of(stranger)

    user = become_person(request, "Invited@Contoso.example")

    assert (request.user, user.email, user.name) == (user, "invited@contoso.example", "Sam")
    assert Browser(stranger.azure).sign_in(STRANGER.email)["Location"] == "/"
    with pytest.raises(NobodyWaitsError):
        become_person(request, "second@contoso.example")


def test_an_invitation_is_no_way_into_an_account_that_there_is(stranger: Browser, alice: User) -> None:
    with pytest.raises(AccountExistsError):
        become_person(request_of(stranger), alice.email.upper())

    assert not Identity.objects.exists()


def test_an_account_that_was_bound_meanwhile_makes_no_second_person(stranger: Browser, alice: User) -> None:
    issuer = f"{stranger.azure.url}/{stranger.azure.directory.tenant_id}/v2.0/"
    bind_identity(alice, issuer, stranger.azure.directory.object_id(STRANGER.email))

    with pytest.raises(IdentityTakenError):
        become_person(request_of(stranger), "invited@contoso.example")

    assert not User.objects.filter(email="invited@contoso.example").exists()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("/offer/", "/offer/"),
        ("/offer/?x=y", "/offer/?x=y"),
        ("/syncs/", "/sign-in/not-invited/"),
        ("/nowhere/", "/sign-in/not-invited/"),
    ],
)
def test_a_stranger_who_wanted_a_page_for_strangers_sees_it(stranger: Browser, wanted: str, shown: str) -> None:
    assert stranger.sign_in(STRANGER.email, again="yes", next=wanted)["Location"] == shown
    assert not is_signed_in(stranger.portal)
