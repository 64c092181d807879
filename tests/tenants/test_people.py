"""The people of a tenant: roles changed and taken away, and the last admin who stays."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from governance.access import Role
from governance.keys import made_at, new_id
from governance.tenancy import Scope, entered
from tenants.actions import LastAdminError, change_role, remove_person
from tenants.models import Membership, Tenant, User
from tests.conftest import everybody, person

Verb = Callable[[Membership], None]


def demote(membership: Membership, *, by_platform: bool = False) -> None:
    """Make somebody a reader."""
    change_role(membership, Role.READER, by_platform=by_platform)


def remove(membership: Membership, *, by_platform: bool = False) -> None:
    """Take the role away."""
    remove_person(membership, by_platform=by_platform)


def roles(tenant: Tenant) -> dict[str, str]:
    """Who has which role, by e-mail."""
    with entered(Scope.of(tenant.id)):
        return dict(Membership.objects.values_list("user__email", "role"))


def membership_of(user: User, tenant: Tenant) -> Membership:
    """The person's row in the tenant."""
    with entered(Scope.of(tenant.id)):
        row: Membership = Membership.objects.get(user=user)
    return row


@pytest.fixture
def in_contoso(contoso: Tenant) -> object:
    """The scope of a request of contoso's admin."""
    with entered(Scope.of(contoso.id)):
        yield


# --- having a role ----------------------------------------------------------------------------------------------------


def test_a_role_tells_since_when_it_is_held(contoso: Tenant, bob: User) -> None:
    before = membership_of(bob, contoso)

    with entered(Scope.of(contoso.id)):
        change_role(before, Role.OPERATOR, by_platform=False)
    after = membership_of(bob, contoso)

    assert timezone.now() - after.since < timedelta(minutes=1)
    assert after.since == before.since
    assert made_at(new_id()) >= after.since
    with pytest.raises(ValueError, match="does not tell"):
        made_at(type(after.id)("99999999-9999-4999-8999-999999999999"))


# --- the last admin ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [demote, remove])
class TestTheLastAdmin:
    """Through both verbs."""

    def test_stays(self, contoso: Tenant, alice: User, bob: User, in_contoso: object, verb: Verb) -> None:
        with pytest.raises(LastAdminError):
            verb(membership_of(alice, contoso))

        assert roles(contoso) == {alice.email: "admin", bob.email: "reader"}

    def test_may_go_when_the_platform_says_so(
        self, contoso: Tenant, alice: User, in_contoso: object, verb: Callable[..., None]
    ) -> None:
        verb(membership_of(alice, contoso), by_platform=True)

        assert "admin" not in roles(contoso).values()

    def test_may_go_once_there_is_another(self, contoso: Tenant, alice: User, in_contoso: object, verb: Verb) -> None:
        person("second@contoso.example", contoso=Role.ADMIN)

        verb(membership_of(alice, contoso))

        assert [email for email, role in roles(contoso).items() if role == "admin"] == ["second@contoso.example"]

    @pytest.mark.parametrize("other", ["closed", "auditor", "elsewhere"])
    def test_is_the_last_when_the_other_cannot_administer(
        self, contoso: Tenant, fabrikam: Tenant, alice: User, in_contoso: object, verb: Verb, other: str
    ) -> None:
        where = {"fabrikam": Role.ADMIN} if other == "elsewhere" else {"contoso": Role.ADMIN}
        second = person("second@contoso.example", platform_role="", **where)
        everybody().filter(id=second.id).update(
            is_active=other != "closed", platform_role="auditor" if other == "auditor" else ""
        )

        with pytest.raises(LastAdminError):
            verb(membership_of(alice, contoso))

        assert roles(contoso)[alice.email] == "admin"

    def test_is_no_concern_of_others(self, contoso: Tenant, bob: User, in_contoso: object, verb: Verb) -> None:
        verb(membership_of(bob, contoso))  # contoso has no admin, before as after

        assert roles(contoso).get(bob.email) in {None, "reader"}

    def test_somebody_who_was_removed_meanwhile_is_not_there(
        self, contoso: Tenant, bob: User, in_contoso: object, verb: Verb
    ) -> None:
        stale = membership_of(bob, contoso)
        remove(membership_of(bob, contoso))

        with pytest.raises(Membership.DoesNotExist):
            verb(stale)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", [demote, remove])
def test_of_two_admins_who_go_at_once_one_stays(contoso: Tenant, verb: Verb) -> None:
    refused: list[bool] = []

    def go(row: Membership, together: threading.Barrier) -> None:
        try:
            with entered(Scope.of(contoso.id)):
                together.wait(timeout=30)
                verb(row)
        except LastAdminError:
            refused.append(True)
        finally:
            connection.close()

    for number in range(15):
        pair = [person(f"{one}{number}@contoso.example", contoso=Role.ADMIN) for one in "ab"]
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=go, args=(membership_of(user, contoso), barrier)) for user in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        left = [user for user in pair if roles(contoso).get(user.email) == "admin"]
        assert (len(left), len(refused)) == (1, number + 1)
        with entered(Scope.of(contoso.id)):
            remove_person(membership_of(left[0], contoso), by_platform=True)
