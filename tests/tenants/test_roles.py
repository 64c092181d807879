"""The roles: who may do what in which tenant, and what a person's access is made from."""

from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from governance.access import NO_ACCESS, Access, Role, access_of, require_role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.actions import grant_role
from tenants.authorization import access_for
from tenants.models import Membership, Tenant, User
from tests.conftest import person

HERE, THERE = new_id(), new_id()
EVERY = Scope.every_tenant(reason="A test of the matrix.")


@pytest.mark.parametrize("asked", Role)
@pytest.mark.parametrize("held", Role)
def test_a_higher_role_includes_the_lower_ones_in_its_tenant_alone(held: Role, asked: Role) -> None:
    access = Access(Scope.of(HERE), {HERE: held})

    assert access.may(asked, HERE) is (held >= asked)
    assert access.may(asked, THERE) is False


@pytest.mark.parametrize("asked", Role)
@pytest.mark.parametrize("everywhere", Role)
def test_a_platform_role_holds_in_every_tenant(everywhere: Role, asked: Role) -> None:
    access = Access(EVERY, everywhere=everywhere)

    assert access.may(asked, HERE) is access.may(asked, THERE) is (everywhere >= asked)


def test_the_higher_of_platform_role_and_membership_counts() -> None:
    access = Access(EVERY, {HERE: Role.OPERATOR}, everywhere=Role.READER)

    assert (access.role_in(HERE), access.role_in(THERE)) == (Role.OPERATOR, Role.READER)


@pytest.mark.parametrize("asked", Role)
def test_nobody_may_nothing(asked: Role) -> None:
    assert NO_ACCESS.may(asked, HERE) is False
    assert HERE not in NO_ACCESS.scope


def test_a_request_without_access_is_nobodys() -> None:
    assert access_of(HttpRequest()) is NO_ACCESS


def test_the_words_are_those_of_the_database() -> None:
    assert [role.word for role in Role] == Membership.RoleWord.values
    assert [Role.from_word(word) for word in Membership.RoleWord.values] == list(Role)


@pytest.mark.parametrize("word", ["owner", "", "reader ", "1"])
def test_an_unknown_word_is_no_role(word: str) -> None:
    with pytest.raises(KeyError):
        Role.from_word(word)


@pytest.mark.parametrize(
    ("held", "tenant_id", "refusal"),
    [
        (Role.READER, HERE, PermissionDenied),
        (Role.READER, THERE, Http404),
        (Role.ADMIN, THERE, Http404),
        (Role.OPERATOR, HERE, None),
        (Role.ADMIN, HERE, None),
    ],
)
def test_a_stranger_is_told_nothing_and_a_member_what_is_missing(
    held: Role, tenant_id: UUID, refusal: type[Exception] | None
) -> None:
    request = HttpRequest()
    request.access = Access(Scope.of(HERE), {HERE: held})  # type: ignore[attr-defined]

    if refusal is None:
        require_role(request, Role.OPERATOR, tenant_id)
        return
    with pytest.raises(refusal):
        require_role(request, Role.OPERATOR, tenant_id)


def test_a_members_access_is_their_memberships(contoso: Tenant, fabrikam: Tenant) -> None:
    user = person("dana@contoso.example", contoso=Role.OPERATOR, fabrikam=Role.READER)

    access = access_for(user)

    assert access.roles == {contoso.id: Role.OPERATOR, fabrikam.id: Role.READER}
    assert access.scope == Scope(frozenset({contoso.id, fabrikam.id}), user_id=user.id)
    assert access.everywhere is None


def test_a_person_without_memberships_sees_no_tenant(contoso: Tenant) -> None:
    access = access_for(person("dana@contoso.example"))

    assert access.scope.tenants == frozenset()
    assert not access.scope.is_every_tenant


def test_a_role_given_again_takes_the_place_of_the_one_before(contoso: Tenant, alice: User) -> None:
    grant_role(alice, contoso, Role.READER)

    assert access_for(alice).roles == {contoso.id: Role.READER}


def test_a_removed_membership_is_gone_at_once(contoso: Tenant, alice: User) -> None:
    with entered(Scope.of(contoso.id)):
        Membership.objects.filter(user=alice).delete()

    assert access_for(alice).role_in(contoso.id) is None
    assert contoso.id not in access_for(alice).scope


@pytest.mark.parametrize("platform_role", ["", "auditor", "admin"])
def test_an_inactive_person_has_no_access(contoso: Tenant, platform_role: str) -> None:
    user = person("dana@contoso.example", platform_role=platform_role, contoso=Role.ADMIN)
    user.is_active = False

    assert access_for(user) is NO_ACCESS


def test_an_auditor_reads_all_and_writes_nothing_whatever_memberships_say(contoso: Tenant, fabrikam: Tenant) -> None:
    access = access_for(person("dana@platform.example", platform_role="auditor", contoso=Role.ADMIN))

    assert access.scope.is_every_tenant
    assert {access.role_in(tenant.id) for tenant in (contoso, fabrikam)} == {Role.READER}


def test_a_platform_admin_is_admin_everywhere(contoso: Tenant, fabrikam: Tenant) -> None:
    access = access_for(person("dana@platform.example", platform_role="admin", contoso=Role.READER))

    assert access.scope.is_every_tenant
    assert {access.role_in(tenant.id) for tenant in (contoso, fabrikam)} == {Role.ADMIN}
