"""What people and syncs do to tenants and subscriptions."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from governance.access import Role
from governance.azure.arm import SubscriptionRecord
from governance.azure.credentials import check_reference
from governance.tenancy import Scope, entered
from tenants.models import Membership, SavedView, Subscription, Tenant, TenantGroup, TenantGroupMember, User

MOST_VIEWS = 200  # saved by one person
LONGEST_VIEW_NAME = 80
LONGEST_VIEW_QUERY = 2000


@transaction.atomic
def connect_tenant(name: str, *, azure_tenant_id: UUID, client_id: UUID, secret_ref: str) -> tuple[Tenant, bool]:
    """Connect an Azure tenant, or give a known one new credentials. Returns the tenant and whether it is new.

    Raises ValidationError for a bad name or reference, and when the name or the Azure tenant belongs to another one.
    """
    try:
        check_reference(secret_ref)
    except ValueError as error:
        raise ValidationError({"secret_ref": str(error)}) from error
    with entered(Scope.every_tenant(reason="A tenant is connected by the platform, before anybody belongs to it.")):
        tenant = Tenant.objects.named(name).first()
        if tenant is None:
            tenant, is_new = Tenant(name=name, azure_tenant_id=azure_tenant_id, connected_at=timezone.now()), True
        elif tenant.azure_tenant_id != azure_tenant_id:
            raise ValidationError({"name": f"{name} is connected to Azure tenant {tenant.azure_tenant_id} already."})
        else:
            is_new = False
        tenant.client_id, tenant.secret_ref = client_id, secret_ref
        tenant.full_clean()
        tenant.save()
    return tenant, is_new


def grant_role(user: User, tenant: Tenant, role: Role) -> None:
    """Give a person a role in a tenant, in place of the one they had."""
    with entered(Scope.of(tenant.id)):
        Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role.word})


@transaction.atomic
def group_tenants(name: str, tenants: Collection[Tenant]) -> TenantGroup:
    """Make the group of this name consist of exactly these tenants, making it if there is none. For platform admins.

    Raises ValidationError for a bad name.
    """
    with entered(Scope.every_tenant(reason="A group is made by the platform; it may hold any tenant.")):
        group = TenantGroup.objects.filter(name=name.strip().lower()).first() or TenantGroup(name=name.strip().lower())
        group.full_clean()
        group.save()
        wanted = {tenant.id for tenant in tenants}
        members = TenantGroupMember.objects.filter(group=group)
        members.exclude(tenant_id__in=wanted).delete()
        there = set(members.values_list("tenant_id", flat=True))
        TenantGroupMember.objects.bulk_create(
            TenantGroupMember(tenant_id=tenant_id, group=group) for tenant_id in sorted(wanted - there)
        )
    return group


def bump_data_version(tenant_id: UUID) -> None:
    """Say that the tenant's data changed: every cached answer about it is void from the commit on."""
    Tenant.objects.filter(id=tenant_id).update(data_version=F("data_version") + 1)


def off_board(subscription: Subscription, *, now: datetime) -> None:
    """Expect this subscription no more. Raises ValueError when Azure still shows it."""
    if subscription.access_lost_at is None:
        raise ValueError(f"{subscription.name} is still visible in Azure; only a lost subscription can be off-boarded.")
    subscription.off_boarded_at = now
    subscription.save()


@transaction.atomic
def record_subscriptions(tenant: Tenant, seen: Sequence[SubscriptionRecord], *, now: datetime) -> list[Subscription]:
    """Store what the subscriptions list showed; one that is missing has lost access since now, and is kept.

    Returns every subscription a complete reading has to contain, whether visible or not. `seen` holds only those that
    belong to the tenant itself.
    """
    known = {row.subscription_id: row for row in Subscription.objects.for_tenant(tenant.id)}
    for record in seen:
        row = known.get(record.subscription_id) or Subscription(
            tenant=tenant, subscription_id=record.subscription_id, first_seen_at=now
        )
        facts = (record.name[:256], record.state[:32], record.quota_id[:128], None)
        if facts != (row.name, row.state, row.quota_id, row.access_lost_at) or row.subscription_id not in known:
            row.name, row.state, row.quota_id, row.access_lost_at = facts
            row.off_boarded_at = None  # it is here: whoever said it was gone for good was mistaken
            row.save()
    visible = {record.subscription_id for record in seen}
    lost = [row.id for key, row in known.items() if key not in visible and row.access_lost_at is None]
    for key in lost:
        Subscription.objects.filter(id=key).update(access_lost_at=now)
    return list(Subscription.objects.for_tenant(tenant.id).expected().order_by("subscription_id"))


@transaction.atomic
def save_view(user_id: UUID, *, listing: str, name: str, query: str) -> tuple[SavedView, bool]:
    """Keep a question under a name; one of that name on that list is replaced. Returns it and whether it is new.

    The caller has checked that the list exists and understands the query. Raises ValidationError, by field.
    """
    name = checked_view_name(name)
    if len(query) > LONGEST_VIEW_QUERY:
        raise ValidationError(
            {"query": f"It asks for too much: at most {LONGEST_VIEW_QUERY:,} characters can be kept."}
        )
    User.objects.select_for_update().get(id=user_id)  # one save at a time, so that the limit holds
    view = SavedView.objects.of(user_id).filter(listing=listing, name=name).first()
    if view is None and SavedView.objects.of(user_id).count() >= MOST_VIEWS:
        raise ValidationError({"name": f"You have {MOST_VIEWS} saved views already; delete one first."})
    saved = view or SavedView(user_id=user_id, listing=listing, name=name)
    saved.query = query
    saved.save()
    return saved, view is None


@transaction.atomic
def rename_view(view: SavedView, name: str) -> None:
    """Give a view another name. Raises ValidationError when it is none, or another view of that list has it."""
    name = checked_view_name(name)
    User.objects.select_for_update().get(id=view.user_id)
    namesakes = SavedView.objects.of(view.user_id).filter(listing=view.listing, name=name).exclude(id=view.pk)
    if namesakes.exists():
        raise ValidationError({"name": "Another view of this list has that name."})
    view.name = name
    view.save()


def delete_view(view: SavedView) -> None:
    """Forget a view."""
    view.delete()


def checked_view_name(name: str) -> str:
    """The name in one line, without spaces around it. Raises ValidationError."""
    name = " ".join(name.replace("\x00", " ").split())
    if not name:
        raise ValidationError({"name": "Give it a name."})
    if len(name) > LONGEST_VIEW_NAME:
        raise ValidationError({"name": f"A name has at most {LONGEST_VIEW_NAME} characters."})
    return name
