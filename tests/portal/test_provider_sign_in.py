"""Signing in with Azure AD B2C and Entra ID: the whole way there and back, and every way in that is none."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from governance.azure.simulator.server import Simulator
from tenants.identities import bind_identity
from tenants.models import User
from tests.conftest import everybody, identities
from tests.portal.providers import (
    PORTAL,
    STRANGER,
    Browser,
    asked,
    changed,
    is_signed_in,
    leads_to,
    let_in,
    refusal_of,
    use_b2c,
    use_oidc,
)


@pytest.fixture
def b2c(azure: Simulator, settings: LazySettings, alice: User) -> Browser:
    """A browser; alice's account at B2C signs her in."""
    use_b2c(azure, settings)
    let_in(alice, azure)
    return Browser(azure)


# --- the way there and back -------------------------------------------------------------------------------------------


def test_a_known_identity_opens_the_overview(b2c: Browser, alice: User) -> None:
    answer = b2c.sign_in(alice.email)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert b2c.portal.get("/api/v1/me/").json()["email"] == alice.email
    assert identities().get().last_used_at is not None


def test_the_page_asked_for_before_is_shown_after_it(b2c: Browser, alice: User) -> None:
    assert b2c.sign_in(alice.email, next="/resources/?region=westeurope")["Location"] == "/resources/?region=westeurope"


@pytest.mark.once
@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_after_it(b2c: Browser, alice: User, evil: str) -> None:
    assert b2c.sign_in(alice.email, next=evil)["Location"] == "/"


def test_the_question_has_state_nonce_and_pkce_and_no_secret(b2c: Browser) -> None:
    first, second = asked(b2c.start()), asked(b2c.start())

    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{PORTAL}/sign-in/b2c/done/"
    assert "client_secret" not in first
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 32
        assert first[name] != second[name]


def test_a_link_starts_no_sign_in_and_a_form_needs_its_csrf_token(b2c: Browser) -> None:
    assert b2c.portal.get("/sign-in/b2c/").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/sign-in/b2c/").status_code == 403


@pytest.mark.parametrize("name", ["oidc", "nobody"])
def test_a_provider_that_is_not_set_up_is_not_there(b2c: Browser, name: str) -> None:
    assert b2c.portal.post(f"/sign-in/{name}/").status_code == 404
    assert b2c.portal.get(f"/sign-in/{name}/done/?code=x&state=y").status_code == 404


def test_two_tabs_can_sign_in_side_by_side(b2c: Browser, alice: User) -> None:
    first, second = b2c.start(), b2c.start()

    assert b2c.come_back(b2c.choose(first, alice.email))["Location"] == "/"
    assert is_signed_in(b2c.portal)
    assert b2c.come_back(b2c.choose(second, alice.email))["Location"] == "/"


def test_the_session_key_is_new_and_ends_after_eight_hours_whatever_one_does(b2c: Browser, alice: User) -> None:
    address = b2c.choose(b2c.start(), alice.email)
    before = b2c.portal.session.session_key

    b2c.come_back(address)

    session = b2c.portal.session
    ends_at = session.get_expiry_date()
    assert session.session_key != before
    assert 7.99 < (ends_at - timezone.now()).total_seconds() / 3600 <= 8
    session["something"] = "changed"
    session.save()
    assert session.get_expiry_date() == ends_at


@pytest.mark.parametrize("name", ["b2c", "password"])
def test_a_session_that_is_over_opens_nothing(b2c: Browser, alice: User, settings: LazySettings, name: str) -> None:
    settings.SESSION_COOKIE_AGE = -1
    alice.set_password("a long and unusual sentence")
    alice.save()

    if name == "b2c":
        b2c.sign_in(alice.email)
    else:
        b2c.portal.post("/sign-in/", {"username": alice.email, "password": "a long and unusual sentence"})

    assert not is_signed_in(b2c.portal)


def test_a_custom_domain_has_an_issuer_of_its_own(b2c: Browser, alice: User, settings: LazySettings) -> None:
    settings.SIGN_IN_B2C_HOST = f"localhost:{b2c.azure.port}"
    assert b2c.sign_in(alice.email)["Location"] == "/sign-in/not-invited/"

    directory = b2c.azure.directory
    bind_identity(
        alice,
        f"https://localhost:{b2c.azure.port}/{directory.tenant_id}/v2.0/",
        directory.object_id(alice.email),
    )

    assert b2c.sign_in(alice.email, again="yes")["Location"] == "/"


def test_entra_of_one_tenant(azure: Simulator, settings: LazySettings, alice: User) -> None:
    use_oidc(azure, settings, tenant="contoso")
    let_in(alice, azure, by="oidc")
    browser = Browser(azure, "oidc")

    assert browser.sign_in(alice.email)["Location"] == "/"

    identity = identities().get()
    assert identity.issuer == f"{azure.url}/{azure.tenant('contoso').tenant_id}/v2.0"
    assert identity.subject == azure.directory.object_id(alice.email)


def test_entra_of_several_tenants_lets_the_listed_ones_in(
    azure: Simulator, settings: LazySettings, alice: User, charlie: User
) -> None:
    use_oidc(azure, settings, tenant="organizations", allowed=("contoso",))
    for user in (alice, charlie):
        let_in(user, azure, by="oidc")
    browser = Browser(azure, "oidc")

    assert "directory may not sign in" in refusal_of(browser, browser.sign_in(charlie.email))
    assert browser.sign_in(alice.email, again="yes")["Location"] == "/"


def test_a_tenant_cannot_speak_for_another_one(azure: Simulator, settings: LazySettings, alice: User) -> None:
    use_oidc(azure, settings, tenant="organizations", allowed=("contoso", "fabrikam"))
    let_in(alice, azure, by="oidc")
    browser, directory = Browser(azure, "oidc"), azure.directory
    directory.id_token_instead = lambda claims: directory.sign({**claims, "tid": azure.tenant("fabrikam").tenant_id})

    assert "could not be trusted" in refusal_of(browser, browser.sign_in(alice.email))


# --- answers that sign nobody in --------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("state", ["another", "", None])
def test_an_answer_without_this_browsers_state_is_refused(b2c: Browser, alice: User, state: str | None) -> None:
    address = b2c.choose(b2c.start(), alice.email)

    assert "begun in another browser" in refusal_of(b2c, b2c.come_back(changed(address, state=state)))


def test_the_answer_to_one_browser_is_nothing_in_another(b2c: Browser, alice: User) -> None:
    address = b2c.choose(b2c.start(), alice.email)
    victim = Browser(b2c.azure)
    victim.start()

    assert "begun in another browser" in refusal_of(victim, victim.come_back(address))


def test_an_answer_is_taken_once(b2c: Browser, alice: User) -> None:
    address = b2c.choose(b2c.start(), alice.email)
    b2c.come_back(address)
    b2c.portal.post("/sign-out/")

    assert "used already" in refusal_of(b2c, b2c.come_back(address))


def test_a_stolen_code_is_worth_nothing_in_ones_own_sign_in(b2c: Browser, alice: User) -> None:
    stolen = asked(b2c.choose(b2c.start(), alice.email))["code"]
    thief = Browser(b2c.azure)
    own = thief.choose(thief.start(), STRANGER.email)

    assert "used already" in refusal_of(thief, thief.come_back(changed(own, code=stolen)))


def test_a_question_without_pkce_is_not_answered(b2c: Browser) -> None:
    address = changed(b2c.start(), code_challenge=None)

    assert "not set up correctly" in refusal_of(b2c, b2c.come_back(b2c.go_through(address)))


def test_cancelling_is_said_and_the_page_wanted_is_kept(b2c: Browser) -> None:
    answer = b2c.come_back(b2c.cancel(b2c.start(next="/syncs/")))

    assert answer["Location"] == "/sign-in/?next=%2Fsyncs%2F"
    page = refusal_of(b2c, answer)
    assert "cancelled at the identity provider" in page
    assert 'name="next" value="/syncs/"' in page


def test_who_forgot_the_password_is_told_where_to_get_another(b2c: Browser) -> None:
    description = "AADB2C90118%3A+The+user+has+forgotten+their+password."
    answer = b2c.portal.get(f"/sign-in/b2c/done/?error=access_denied&error_description={description}")

    assert "use the password reset of your identity provider" in refusal_of(b2c, answer)


def test_the_providers_own_words_are_not_shown(b2c: Browser) -> None:
    answer = b2c.portal.get("/sign-in/b2c/done/?error=server_error&error_description=<b>Call+0900</b>")

    assert "0900" not in refusal_of(b2c, answer)


@pytest.mark.once
@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=", "?state=" + "x" * 5000])
def test_nonsense_at_the_return_address_is_no_error_of_ours(b2c: Browser, query: str) -> None:
    refusal_of(b2c, b2c.portal.get(f"/sign-in/b2c/done/{query}"))


def test_a_provider_that_does_not_answer_is_said(b2c: Browser, alice: User) -> None:
    address = b2c.choose(b2c.start(), alice.email)
    b2c.azure.stop()

    assert "does not answer" in refusal_of(b2c, b2c.come_back(address))


@pytest.mark.once
def test_a_provider_that_was_never_there_is_said(db: None, settings: LazySettings, azure: Simulator) -> None:
    use_b2c(azure, settings)
    azure.stop()
    browser = Browser(azure)

    assert "does not answer" in refusal_of(browser, browser.portal.post("/sign-in/b2c/"))


@pytest.mark.once
def test_a_provider_with_a_foreign_certificate_is_not_spoken_to(
    b2c: Browser, alice: User, settings: LazySettings
) -> None:
    address = b2c.choose(b2c.start(), alice.email)
    settings.SOCIAL_AUTH_VERIFY_SSL = True

    assert "does not answer" in refusal_of(b2c, b2c.come_back(address))


def test_a_wrong_client_secret_is_said(b2c: Browser, alice: User, settings: LazySettings) -> None:
    settings.SIGN_IN_B2C_CLIENT_SECRET = "wrong"

    assert "not set up correctly" in refusal_of(b2c, b2c.sign_in(alice.email))


# --- people nobody invited --------------------------------------------------------------------------------------------


def test_an_unknown_identity_is_nobody_and_gets_no_account(b2c: Browser) -> None:
    people = everybody().count()

    answer = b2c.sign_in(STRANGER.email)

    assert answer["Location"] == "/sign-in/not-invited/"
    page = b2c.portal.get(answer["Location"])
    assert page.status_code == 403
    assert b2c.azure.directory.object_id(STRANGER.email) in page.content.decode()
    assert "Nobody has invited you" in page.content.decode()
    assert not is_signed_in(b2c.portal)
    assert (everybody().count(), identities().count()) == (people, 1)


def test_an_address_is_no_proof_of_who_one_is(b2c: Browser, bob: User) -> None:
    answer = b2c.sign_in(bob.email)

    assert answer["Location"] == "/sign-in/not-invited/"
    assert not is_signed_in(b2c.portal)


def test_a_claimed_address_is_no_proof_either(b2c: Browser, alice: User) -> None:
    directory = b2c.azure.directory
    directory.id_token_instead = lambda claims: directory.sign({**claims, "emails": [alice.email]})

    assert b2c.sign_in(STRANGER.email)["Location"] == "/sign-in/not-invited/"
    assert not is_signed_in(b2c.portal)


def test_a_closed_account_is_nobody(b2c: Browser, alice: User) -> None:
    everybody().filter(pk=alice.pk).update(is_active=False)

    assert b2c.sign_in(alice.email)["Location"] == "/sign-in/not-invited/"
    assert not is_signed_in(b2c.portal)


def test_who_was_not_invited_can_sign_in_as_somebody_else(b2c: Browser, alice: User) -> None:
    b2c.sign_in(STRANGER.email)

    assert not b2c.is_asked(b2c.start())
    assert b2c.is_asked(b2c.start(again="yes"))
    b2c.sign_in(alice.email, again="yes")
    assert b2c.portal.get("/sign-in/not-invited/")["Location"] == "/sign-in/"


def test_the_page_of_the_uninvited_is_for_nobody_else(b2c: Browser) -> None:
    assert b2c.portal.get("/sign-in/not-invited/")["Location"] == "/sign-in/"


# --- signing out ------------------------------------------------------------------------------------------------------


def test_signing_out_leaves_the_provider_too_and_comes_back(b2c: Browser, alice: User) -> None:
    b2c.sign_in(alice.email)
    assert not b2c.is_asked(b2c.start())

    back = b2c.go_through(leads_to(b2c.portal.post("/sign-out/")))

    assert back == f"{PORTAL}/sign-in/"
    assert not is_signed_in(b2c.portal)
    assert b2c.is_asked(b2c.start())


def test_signing_out_ends_the_sessions_of_every_browser_and_of_nobody_else(
    b2c: Browser, alice: User, bob: User
) -> None:
    elsewhere, other = Browser(b2c.azure), Browser(b2c.azure)
    for browser, user in ((b2c, alice), (elsewhere, alice), (other, let_in(bob, b2c.azure))):
        browser.sign_in(user.email)

    b2c.portal.post("/sign-out/")

    assert [is_signed_in(browser.portal) for browser in (b2c, elsewhere, other)] == [False, False, True]
    elsewhere.sign_in(alice.email)
    assert is_signed_in(elsewhere.portal)


def test_signing_out_works_while_the_provider_does_not(b2c: Browser, alice: User) -> None:
    b2c.sign_in(alice.email)
    b2c.azure.stop()

    b2c.portal.post("/sign-out/")

    assert not is_signed_in(b2c.portal)
