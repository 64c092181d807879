"""The roles: who may do what in which tenant, and what a person's access is made from."""

from itertools import pairwise
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from governance.access import NO_ACCESS, Access, access_of, granted, require
from governance.doors import every_door
from governance.gate import permission_of
from governance.keys import new_id
from governance.permissions import MATRIX, MEANINGS, Holder, Permission, Reach, Role
from governance.tenancy import Scope, entered
from tenants.actions import grant_role
from tenants.authorization import access_for
from tenants.models import Membership, Tenant, User
from tests.conftest import person

HERE, THERE = new_id(), new_id()
EVERY = Scope.every_tenant(reason="A test of the matrix.")

SEEN = {Permission.SEE, Permission.EXPORT}
OPERATED = SEEN | {Permission.RUN_SYNCS, Permission.RUN_PREFLIGHT}
ADMINISTERED = OPERATED | {
    Permission.MANAGE_TAG_RULES,
    Permission.OFF_BOARD,
    Permission.PAUSE,
    Permission.SEE_PEOPLE,
    Permission.MANAGE_PEOPLE,
    Permission.SEE_AUDIT,
}
FOR_ANYBODY = {Permission.PUBLIC, Permission.OWN}
AUDITED = FOR_ANYBODY | SEEN | {Permission.SEE_PEOPLE, Permission.SEE_PLATFORM_ROLES}
AUDITED |= {Permission.SEE_AUDIT, Permission.SEE_PLATFORM_AUDIT}
HELD = {Role.READER: SEEN, Role.OPERATOR: OPERATED, Role.ADMIN: ADMINISTERED}


def held(access: Access, tenant_id: UUID | None = None) -> set[Permission]:
    """All that this access may do there."""
    return {permission for permission in Permission if access.may(permission, tenant_id)}


# --- the matrix, written down a second time by hand -----------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_a_role_holds_in_its_tenant_alone(role: Role) -> None:
    access = Access(Scope.of(HERE), {HERE: role})

    assert held(access, HERE) == FOR_ANYBODY | HELD[role]
    assert held(access, THERE) == held(access) == FOR_ANYBODY
    assert {permission for permission in Permission if access.may_somewhere(permission)} == held(access, HERE)


@pytest.mark.parametrize("tenant_id", [HERE, THERE, None])
def test_an_auditor_sees_all_and_does_nothing_and_a_platform_admin_does_all(tenant_id: UUID | None) -> None:
    assert held(Access(EVERY, everywhere=Role.READER), tenant_id) == AUDITED
    assert held(Access(EVERY, everywhere=Role.ADMIN), tenant_id) == set(Permission)


def test_what_one_is_everywhere_and_what_one_is_in_a_tenant_add_up() -> None:
    access = Access(EVERY, {HERE: Role.OPERATOR}, everywhere=Role.READER)

    assert (access.role_in(HERE), access.role_in(THERE)) == (Role.OPERATOR, Role.READER)
    assert held(access, HERE) == AUDITED | OPERATED
    assert held(access, THERE) == AUDITED


def test_nobody_may_see_what_is_public_and_nothing_else() -> None:
    for tenant_id in (HERE, None):
        assert held(NO_ACCESS, tenant_id) == {Permission.PUBLIC}
    assert HERE not in NO_ACCESS.scope


def test_a_higher_role_includes_the_lower_ones() -> None:
    for lower, higher in pairwise([Holder.READER, Holder.OPERATOR, Holder.ADMIN, Holder.PLATFORM_ADMIN]):
        for permission, rule in MATRIX.items():
            assert lower not in rule.holders or higher in rule.holders, permission


def test_an_auditor_holds_nothing_that_changes_anything() -> None:
    changing = {door.requirement for door in every_door() if door.method != "GET" and door.requirement is not None}
    own = {Permission.PUBLIC, Permission.OWN, Permission.EXPORT}  # reading, and things of one's own

    assert len(changing) >= 8
    assert {one for one in changing if Holder.AUDITOR in MATRIX[permission_of(one)].holders} <= own


def test_who_is_in_the_scope_holds_what_the_scope_alone_guards() -> None:
    everybody = {Holder.READER, Holder.OPERATOR, Holder.ADMIN, Holder.AUDITOR, Holder.PLATFORM_ADMIN}

    for permission, rule in MATRIX.items():
        if rule.reach is Reach.SCOPE:
            assert rule.holders == everybody, f"{permission} is narrowed by the scope, and some in it do not hold it"


def test_each_row_has_its_words_and_each_refusal_says_who_may() -> None:
    assert set(MATRIX) == set(Permission)
    assert set(MEANINGS) == set(Holder)
    for rule in MATRIX.values():
        assert rule.title
        assert rule.sentence.endswith(".")
    assert Permission.RUN_SYNCS.refusal == "This needs the role operator in this tenant."
    assert Permission.SEE_PEOPLE.refusal == "This needs the role admin in this tenant."
    assert Permission.CONNECT_TENANTS.refusal == "This is for platform admins."
    assert Permission.SEE_PLATFORM_ROLES.refusal == "This is for platform auditors and platform admins."


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
    ("role", "tenant_id", "refusal"),
    [
        (Role.READER, HERE, PermissionDenied),
        (Role.READER, THERE, Http404),
        (Role.ADMIN, THERE, Http404),
        (Role.OPERATOR, HERE, None),
        (Role.ADMIN, HERE, None),
    ],
)
def test_a_stranger_is_told_nothing_and_a_member_what_is_missing(
    role: Role, tenant_id: UUID, refusal: type[Exception] | None
) -> None:
    request = HttpRequest()
    request.access = Access(Scope.of(HERE), {HERE: role})  # type: ignore[attr-defined]

    if refusal is None:
        require(request, Permission.RUN_SYNCS, tenant_id)
        assert granted(request) == {Permission.RUN_SYNCS}
        return
    with pytest.raises(refusal):
        require(request, Permission.RUN_SYNCS, tenant_id)
    assert granted(request) == frozenset()


def test_what_is_held_in_a_tenant_is_not_asked_for_without_one() -> None:
    request = HttpRequest()
    request.access = Access(EVERY, everywhere=Role.ADMIN)  # type: ignore[attr-defined]

    with pytest.raises(ValueError, match="held in a tenant"):
        require(request, Permission.MANAGE_PEOPLE)
    require(request, Permission.MAKE_GROUPS)


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
