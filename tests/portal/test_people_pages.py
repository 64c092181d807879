"""The pages of the people of a tenant: who sees them, who changes roles, and what is not told of an account."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.actions import grant_role
from tenants.models import Membership, Tenant, User
from tests.conftest import everybody, person, signed_in
from tests.portal.test_resources_page import text


def roles(tenant: Tenant) -> dict[str, str]:
    """Who has which role, by e-mail."""
    with entered(Scope.of(tenant.id)):
        return dict(Membership.objects.values_list("user__email", "role"))


def path_of(user: User, tenant: Tenant, rest: str = "") -> str:
    """The page of a person in a tenant."""
    with entered(Scope.of(tenant.id)):
        return f"/tenants/{tenant.id}/people/{Membership.objects.get(user=user).id}/{rest}"


def shown(page: str) -> list[list[str]]:
    """The words of each row."""
    rows = re.findall(r"<tr ?>\s*(<th scope=\"row\".*?)</tr>", page)
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
        for row in rows
    ]


# --- who sees them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("alice", 200), ("pat", 200), ("auditor", 200), ("olga", 403), ("bob", 403), ("charlie", 404)],
)
def test_the_people_are_for_admins_and_the_platform(
    contoso: Tenant, bob: User, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    browser = signed_in(request.getfixturevalue(who))

    for path in (f"/tenants/{contoso.id}/people/", path_of(bob, contoso)):
        answer = browser.get(path)
        assert answer.status_code == status
        if status != 200:
            assert bob.email not in text(answer).replace(getattr(answer.wsgi_request.user, "email", ""), "")
    if status == 403:
        assert "This needs the role admin in this tenant." in text(answer)


def test_they_are_listed_by_address_with_role_and_dates(contoso: Tenant, alice: User, bob: User, olga: User) -> None:
    browser = signed_in(alice)

    page = text(browser.get(f"/tenants/{contoso.id}/people/"))

    assert [row[0] for row in shown(page)] == [alice.email, bob.email, olga.email]
    assert [row[2] for row in shown(page)] == ["Admin", "Reader", "Operator"]
    assert all("UTC" in row[3] for row in shown(page))
    only = shown(text(browser.get(f"/tenants/{contoso.id}/people/?role=reader")))
    assert only == shown(text(browser.get(f"/tenants/{contoso.id}/people/?q=BOB@")))
    assert [row[0] for row in only] == [bob.email]
    turned = shown(text(browser.get(f"/tenants/{contoso.id}/people/?sort=-email")))
    assert [row[0] for row in turned] == [olga.email, bob.email, alice.email]


def test_nothing_of_an_account_is_told_before_its_owner_came_with_the_role(
    contoso: Tenant, alice: User, pat: User
) -> None:
    dana = person("dana@elsewhere.example")
    everybody().filter(id=dana.id).update(last_login=timezone.now() - timedelta(days=3))
    browser, path = signed_in(alice), f"/tenants/{contoso.id}/people/"
    grant_role(dana, contoso, Role.READER)

    for page in (path + "?q=dana", path_of(dana, contoso)):
        assert "Dana" not in text(browser.get(page))
        assert "not since they have the role" in text(browser.get(page))
        assert "Dana" in text(signed_in(pat).get(page))
    signed_in(dana)
    for page in (path + "?q=dana", path_of(dana, contoso)):
        assert "Dana" in text(browser.get(page))
        assert "not since they have the role" not in text(browser.get(page))


# --- inviting: the rest is in tests/invitations ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "role", "words"),
    [
        ("no address", "reader", "Enter a valid email address."),
        ("dana@elsewhere.example", "owner", "Select a valid choice."),
        ("bob@contoso.example", "admin", "has a role in contoso already"),
    ],
)
def test_what_cannot_be_offered_is_said_at_its_field(
    contoso: Tenant, alice: User, bob: User, email: str, role: str, words: str
) -> None:
    before = roles(contoso)

    answer = signed_in(alice).post(f"/tenants/{contoso.id}/people/", {"email": email, "role": role})

    assert answer.status_code == 400
    assert words in text(answer)
    assert 'aria-invalid="true"' in text(answer)
    assert roles(contoso) == before


@pytest.mark.parametrize(
    ("who", "status"), [("olga", 403), ("bob", 403), ("auditor", 403), ("charlie", 404), ("alice", 303), ("pat", 303)]
)
def test_only_admins_invite_change_and_take_away(
    contoso: Tenant, alice: User, bob: User, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    user = request.getfixturevalue(who)
    dana = person("dana@elsewhere.example")
    browser, before = signed_in(user), roles(contoso)

    answers = [
        browser.post(f"/tenants/{contoso.id}/people/", {"email": dana.email, "role": "admin"}),
        browser.post(path_of(bob, contoso), {"role": "operator"}),
        browser.post(path_of(bob, contoso, "remove/")),
    ]

    assert [answer.status_code for answer in answers] == [status] * 3
    after = {key: role for key, role in before.items() if key != bob.email}  # dana has not accepted
    assert roles(contoso) == (after if status == 303 else before)


@pytest.mark.parametrize("who", ["olga", "bob", "auditor"])
def test_nobody_raises_themselves(contoso: Tenant, alice: User, request: pytest.FixtureRequest, who: str) -> None:
    user = request.getfixturevalue(who)
    if who == "auditor":
        person("pia@platform.example", platform_role="auditor")
        with entered(Scope.of(contoso.id)):
            Membership.objects.create(tenant=contoso, user=user, role="admin")  # lets an auditor write nothing
    browser, before = signed_in(user), roles(contoso)

    browser.post(f"/tenants/{contoso.id}/people/", {"email": user.email, "role": "admin"})
    answer = browser.post(path_of(user, contoso), {"role": "admin"})

    assert answer.status_code == 403
    assert roles(contoso) == before


# --- changing and taking away -----------------------------------------------------------------------------------------


def test_a_role_is_changed_and_it_holds_at_once(contoso: Tenant, alice: User, bob: User) -> None:
    page = text(signed_in(alice).post(path_of(bob, contoso), {"role": "operator"}, follow=True))

    assert "bob@contoso.example is operator of contoso now." in page
    assert signed_in(bob).post(f"/tenants/{contoso.id}/preflight/").status_code == 303


def test_a_role_there_is_not_is_refused_at_its_field(contoso: Tenant, alice: User, bob: User) -> None:
    answer = signed_in(alice).post(path_of(bob, contoso), {"role": "owner"})

    assert answer.status_code == 400
    assert "Select a valid choice." in text(answer)
    assert roles(contoso)[bob.email] == "reader"


def test_somebody_who_was_removed_does_not_see_the_tenant_any_more(contoso: Tenant, alice: User, bob: User) -> None:
    browser, bobs = signed_in(alice), signed_in(bob)
    path = path_of(bob, contoso, "remove/")
    assert "Remove bob@contoso.example from contoso?" in text(browser.get(path))
    assert roles(contoso)[bob.email] == "reader"  # asking removes nobody

    page = text(browser.post(path, follow=True))

    assert "bob@contoso.example has no role in contoso any more." in page
    assert bobs.get(f"/tenants/{contoso.id}/")["Location"].startswith("/sign-in/")  # it was his last role
    assert signed_in(everybody().get(id=bob.id)).get(f"/tenants/{contoso.id}/").status_code == 404
    assert browser.post(path).status_code == 404
    assert everybody().filter(id=bob.id).exists()


@pytest.mark.parametrize(("rest", "body"), [("", {"role": "reader"}), ("remove/", {})])
class TestTheLastAdmin:
    """By both pages."""

    def test_cannot_go_and_is_told_why(self, contoso: Tenant, alice: User, rest: str, body: dict[str, str]) -> None:
        answer = signed_in(alice).post(path_of(alice, contoso, rest), body)

        assert answer.status_code == 409
        assert "The tenant would be left without an admin." in text(answer)
        assert roles(contoso) == {alice.email: "admin"}

    def test_goes_by_a_platform_admin(
        self, contoso: Tenant, alice: User, pat: User, rest: str, body: dict[str, str]
    ) -> None:
        assert signed_in(pat).post(path_of(alice, contoso, rest), body).status_code == 303

        assert roles(contoso).get(alice.email) in {None, "reader"}

    def test_goes_once_there_is_another_and_lands_where_they_may_be(
        self, contoso: Tenant, alice: User, rest: str, body: dict[str, str]
    ) -> None:
        person("second@contoso.example", contoso=Role.ADMIN)

        answer: Any = signed_in(alice).post(path_of(alice, contoso, rest), body, follow=True)

        signed_out = [("/sign-in/?next=/tenants/", 302)] if rest else []  # who removed themselves has no role left
        assert answer.redirect_chain == [("/tenants/", 303), *signed_out]
        assert answer.status_code == 200


def test_a_person_of_another_tenant_is_not_in_this_one(
    contoso: Tenant, fabrikam: Tenant, alice: User, charlie: User
) -> None:
    both = person("both@platform.example", contoso=Role.ADMIN, fabrikam=Role.ADMIN)
    with entered(Scope.of(fabrikam.id)):
        foreign = Membership.objects.get(user=charlie).id

    for user in (alice, both):
        for rest in ("", "remove/"):
            for key in (foreign, uuid4()):
                browser, path = signed_in(user), f"/tenants/{contoso.id}/people/{key}/{rest}"
                assert browser.get(path).status_code == 404
                assert browser.post(path, {"role": "reader"}).status_code == 404
    assert roles(fabrikam)[charlie.email] == "admin"


def test_writes_need_the_csrf_token_and_a_post(contoso: Tenant, alice: User, bob: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    before = roles(contoso)

    for path in (f"/tenants/{contoso.id}/people/", path_of(bob, contoso), path_of(bob, contoso, "remove/")):
        assert strict.post(path, {"role": "admin", "email": "x@y.example"}).status_code == 403
        assert signed_in(alice).put(path).status_code == 405
        assert signed_in(alice).delete(path).status_code == 405
    assert roles(contoso) == before
