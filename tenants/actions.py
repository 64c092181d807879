"""What people and syncs do to tenants: their connection, people, groups and preflights."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.models import EventOutcome
from audit.trail import Target, record
from audit.verbs import Verb
from governance.access import Role
from governance.azure.cost_scopes import canonical_scope
from governance.azure.credentials import check_reference
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.models import (
    ApiToken,
    Invitation,
    Membership,
    PreflightResult,
    Tenant,
    TenantGroup,
    TenantGroupMember,
    User,
)
from tenants.sessions import end_sessions_of_stranger


@transaction.atomic
def connect_tenant(
    name: str, *, azure_tenant_id: UUID, client_id: UUID, secret_ref: str, cost_export_scope: str | None = None
) -> tuple[Tenant, bool]:
    """Connect an Azure tenant, or give a known one new credentials. Returns the tenant and whether it is new.

    `cost_export_scope` of None leaves what a known tenant has. Raises ValidationError for a bad name, reference or
    scope, and when the name or the Azure tenant belongs to another one.
    """
    _require_reference(secret_ref)
    scope = None if cost_export_scope is None else _checked_scope(cost_export_scope)
    with entered(Scope.every_tenant(reason="A tenant is connected by the platform, before anybody belongs to it.")):
        tenant = Tenant.objects.named(name).first()
        before = _connection_of(tenant) if tenant is not None else None
        if tenant is None:
            tenant, is_new = Tenant(name=name, azure_tenant_id=azure_tenant_id, connected_at=timezone.now()), True
        elif tenant.azure_tenant_id != azure_tenant_id:
            raise ValidationError({"name": f"{name} is connected to Azure tenant {tenant.azure_tenant_id} already."})
        else:
            is_new = False
        tenant.client_id, tenant.secret_ref = client_id, secret_ref
        tenant.cost_export_scope = tenant.cost_export_scope if scope is None else scope
        tenant.full_clean()
        tenant.save()
        PreflightResult.objects.for_tenant(tenant.id).delete()
        verb = Verb.TENANT_CONNECTED if is_new else Verb.TENANT_CREDENTIALS_CHANGED
        record(verb, tenant_id=tenant.id, target=tenant, before=before, after=_connection_of(tenant))
    return tenant, is_new


@transaction.atomic
def set_credentials(tenant: Tenant, *, client_id: UUID, secret_ref: str) -> None:
    """Read this tenant with another application or secret from now on. For platform admins.

    What a preflight found with the credentials before is dropped. Raises ValidationError for a bad reference.
    """
    _require_reference(secret_ref)
    one_at_a_time(tenant.id)
    current = Tenant.objects.get(id=tenant.id)
    before = _connection_of(current)
    current.client_id, current.secret_ref = client_id, secret_ref
    current.save(update_fields=["client_id", "secret_ref"])
    PreflightResult.objects.for_tenant(tenant.id).delete()
    verb = Verb.TENANT_CREDENTIALS_CHANGED
    after = _connection_of(current)
    changed = {f"{name}_changed": before[name] != after[name] for name in ("client_id", "secret_ref")}
    record(verb, tenant_id=tenant.id, target=current, before=before, after={**after, **changed})


@transaction.atomic
def set_cost_export_scope(tenant: Tenant, cost_export_scope: str) -> bool:
    """Read the cost exports that stand at this scope too, from the next run on; "" is none. For platform admins.

    Returns whether anything changed. Raises ValidationError for what is no such scope.
    """
    scope = _checked_scope(cost_export_scope)
    one_at_a_time(tenant.id)
    current = Tenant.objects.get(id=tenant.id)
    before, current.cost_export_scope = current.cost_export_scope, scope
    if before == scope:
        return False
    current.save(update_fields=["cost_export_scope"])
    was, now = {"cost_export_scope": before}, {"cost_export_scope": scope}
    record(Verb.TENANT_COST_SCOPE_CHANGED, tenant_id=tenant.id, target=current, before=was, after=now)
    return True


def _checked_scope(text: str) -> str:
    try:
        return canonical_scope(text)
    except ValueError as error:
        raise ValidationError({"cost_export_scope": str(error)}) from error


def _connection_of(tenant: Tenant) -> dict[str, Any]:
    """How a tenant is read, for the audit trail, which censors the application and the name of its secret."""
    return {
        "name": tenant.name,
        "azure_tenant_id": tenant.azure_tenant_id,
        "client_id": tenant.client_id,
        "secret_ref": tenant.secret_ref,
        "cost_export_scope": tenant.cost_export_scope,
    }


def _require_reference(secret_ref: str) -> None:
    try:
        check_reference(secret_ref)
    except ValueError as error:
        raise ValidationError({"secret_ref": str(error)}) from error


def pause_tenant(tenant: Tenant) -> None:
    """Let the schedule start no sync of this tenant. What was read stays; a run that is going on ends normally."""
    _set_status(tenant, Tenant.Status.PAUSED, Verb.TENANT_PAUSED)


def resume_tenant(tenant: Tenant) -> None:
    """Let the schedule start the syncs of this tenant again; the next wake-up of beat starts what is due."""
    _set_status(tenant, Tenant.Status.CONNECTED, Verb.TENANT_RESUMED)


@transaction.atomic
def _set_status(tenant: Tenant, status: Tenant.Status, verb: Verb) -> None:
    if Tenant.objects.filter(id=tenant.id).exclude(status=status).update(status=status):
        record(verb, tenant_id=tenant.id, target=tenant, after={"status": status})


class LastAdminError(Exception):
    """What was asked for would leave a tenant without anybody who may administer it. Nothing was changed."""


@transaction.atomic
def grant_role(user: User, tenant: Tenant, role: Role) -> None:
    """Give a person a role in a tenant, in place of the one they had. For the platform's own commands."""
    with entered(Scope.of(tenant.id)):
        one_at_a_time(tenant.id)
        before = Membership.objects.filter(tenant=tenant, user=user).first()
        Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role.word})
        _record_role(Verb.ROLE_GRANTED, tenant.id, user, before=before and before.role, after=role.word)


def _record_role(verb: Verb, tenant_id: UUID, user: User, *, before: str | None, after: str | None) -> None:
    """Write down what became of a person's role in a tenant; None is no role."""
    target = Target.of(user, label=user.email)
    record(verb, tenant_id=tenant_id, target=target, before={"role": before}, after={"role": after})


@transaction.atomic
def change_role(membership: Membership, role: Role, *, by_platform: bool) -> None:
    """Give a person of a tenant another role there. Whoever may not invite any more has not invited anybody.

    Raises LastAdminError when nobody could administer the tenant afterwards, unless the platform asks for it, and
    Membership.DoesNotExist when the person was removed meanwhile.
    """
    with _keeping_an_admin(membership, by_platform=by_platform) as current:
        before, current.role = current.role, role.word
        current.save()
        if role < Role.ADMIN:
            _withdraw_invitations(current)
    if before != role.word:
        _record_role(Verb.ROLE_CHANGED, current.tenant_id, current.user, before=before, after=role.word)


@transaction.atomic
def remove_person(membership: Membership, *, by_platform: bool) -> None:
    """Take a person's role in a tenant away and revoke their API tokens there. Raises as `change_role` does."""
    with _keeping_an_admin(membership, by_platform=by_platform) as current:
        person = current.user  # read now: without the role they may be outside the scope
        _withdraw_invitations(current)
        current.delete()
    _revoke_tokens(current)
    end_sessions_of_stranger(person)
    _record_role(Verb.ROLE_REMOVED, current.tenant_id, person, before=current.role, after=None)


def _revoke_tokens(membership: Membership) -> None:
    """A role given back later must not revive what was made with the one before."""
    tokens = ApiToken.objects.for_tenant(membership.tenant_id).of(membership.user_id).not_revoked()
    for token in tokens:
        record(Verb.TOKEN_REVOKED, tenant_id=token.tenant_id, target=token, reason="The person lost the role.")
    tokens.update(revoked_at=timezone.now())


@contextmanager
def _keeping_an_admin(membership: Membership, *, by_platform: bool) -> Iterator[Membership]:
    one_at_a_time(membership.tenant_id)
    current: Membership = (
        Membership.objects.for_tenant(membership.tenant_id).select_related("user").get(id=membership.id)
    )
    was_admin = current.role == Role.ADMIN.word
    yield current
    if was_admin and not by_platform and not Membership.objects.for_tenant(current.tenant_id).who_administer().exists():
        raise LastAdminError("The tenant would be left without an admin. Give somebody else the role of admin first.")


def _withdraw_invitations(membership: Membership) -> None:
    """Revoke what this person offered in the tenant: an admin who goes leaves no door open behind them."""
    offered = Invitation.objects.for_tenant(membership.tenant_id).pending().filter(invited_by=membership.user_id)
    for row in offered:
        record(Verb.INVITATION_REVOKED, tenant_id=row.tenant_id, target=row, reason="Who invited may not any more.")
    offered.update(revoked_at=timezone.now(), mail_due_at=None)


def one_at_a_time(tenant_id: UUID) -> None:
    """Hold the tenant's row until the transaction ends, so that two changes of its people follow one another.

    A write that changes nothing: SELECT FOR UPDATE would be no lock on SQLite.
    """
    Tenant.objects.filter(id=tenant_id).update(status=F("status"))


@transaction.atomic
def group_tenants(name: str, tenants: Collection[Tenant]) -> TenantGroup:
    """Make the group of this name consist of exactly these tenants, making it if there is none. For platform admins.

    Raises ValidationError for a bad name.
    """
    with entered(Scope.every_tenant(reason="A group is made by the platform; it may hold any tenant.")):
        known = TenantGroup.objects.filter(name=name.strip().lower()).first()
        group = known or TenantGroup(name=name.strip().lower())
        group.full_clean()
        group.save()
        wanted = {tenant.id for tenant in tenants}
        members = TenantGroupMember.objects.filter(group=group)
        before = sorted(members.values_list("tenant__name", flat=True))
        members.exclude(tenant_id__in=wanted).delete()
        there = set(members.values_list("tenant_id", flat=True))
        TenantGroupMember.objects.bulk_create(
            TenantGroupMember(tenant_id=tenant_id, group=group) for tenant_id in sorted(wanted - there)
        )
        after = sorted(tenant.name for tenant in tenants)
        if known is None or before != after:
            change = ({"tenants": before}, {"tenants": after})
            record(Verb.GROUP_CHANGED, tenant_id=None, target=group, before=change[0], after=change[1])
    return group


@transaction.atomic
def delete_group(group: TenantGroup) -> None:
    """Forget a group; its tenants stay as they are. For platform admins."""
    with entered(Scope.every_tenant(reason="A group is deleted by the platform; it may hold any tenant.")):
        before = {
            "tenants": sorted(TenantGroupMember.objects.filter(group=group).values_list("tenant__name", flat=True))
        }
        target = Target.of(group)
        group.delete()
        record(Verb.GROUP_DELETED, tenant_id=None, target=target, before=before)


@transaction.atomic
def request_preflight(tenant: Tenant, *, requested_by: User | None) -> UUID:
    """Note that somebody asks whether the tenant can be read. Returns what the answer has to name."""
    request = new_id()
    PreflightResult.objects.update_or_create(
        tenant=tenant,
        defaults={"request": request, "requested_at": timezone.now(), "requested_by": requested_by},
    )
    record(Verb.PREFLIGHT_ASKED_FOR, tenant_id=tenant.id, target=tenant)
    return request


@transaction.atomic
def withdraw_preflight(tenant: Tenant, request: UUID) -> None:
    """Wait for no answer: nobody was told to ask. What was found before stays."""
    PreflightResult.objects.for_tenant(tenant.id).filter(request=request).update(request=None)
    why = "The broker did not answer: no worker was told."
    record(Verb.PREFLIGHT_ASKED_FOR, tenant_id=tenant.id, target=tenant, outcome=EventOutcome.FAILED, reason=why)


@transaction.atomic
def record_preflight(tenant_id: UUID, request: UUID, checks: Sequence[dict[str, Any]], *, now: datetime) -> bool:
    """Keep what Azure answered. False, and nothing kept, when it was asked again or the credentials changed since."""
    asked = PreflightResult.objects.for_tenant(tenant_id).filter(request=request)
    if not asked.update(request=None, ran_at=now, checks=list(checks)):
        return False
    note_preflight(Tenant.objects.get(id=tenant_id), {check["name"]: check["passed"] for check in checks})
    return True


def note_preflight(tenant: Tenant, passed: Mapping[str, bool | None]) -> None:
    """Write down that the tenant's preflight ran, and which of its checks passed (None: not tried)."""
    outcome = EventOutcome.DONE if all(passed.values()) else EventOutcome.FAILED
    record(Verb.PREFLIGHT_DONE, tenant_id=tenant.id, target=tenant, after={"passed": passed}, outcome=outcome)


def bump_data_version(tenant_id: UUID) -> None:
    """Say that the tenant's data changed: every cached answer about it is void from the commit on."""
    Tenant.objects.filter(id=tenant_id).update(data_version=F("data_version") + 1)
