"""The tenant guard: without a scope everything raises, within one nothing foreign is seen or written."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework import serializers

from audit.models import CoverageReceipt, Outcome, SyncRun
from audit.runs import sync_run
from governance import tenancy
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import (
    Scope,
    TenantManager,
    TenantOrPlatformOwned,
    TenantOwned,
    UnscopedError,
    current_scope,
    entered,
)
from tenants.actions import connect_tenant, grant_role
from tenants.authorization import access_for
from tenants.models import Membership, Subscription, Tenant, User

Act = Callable[["World"], Any]


class World:
    """Two tenants with one subscription each, and a run with a receipt in the first."""

    def __init__(self) -> None:
        self.own = self._tenant("northwind", 1)
        self.foreign = self._tenant("tailspin", 2)
        self.own_row, self.foreign_row = self.new_row(self.own, "own"), self.new_row(self.foreign, "foreign")
        for row in (self.own_row, self.foreign_row):
            with entered(Scope.of(row.tenant_id)):
                row.save()
        with sync_run(self.own.id, "resources") as run, run.page():
            receipt = CoverageReceipt(
                tenant=self.own, run=run.row, subscription=self.own_row, source="resource_graph", complete=True
            )
            run.conclude(Outcome.OK, receipts=[receipt])
        with entered(Scope.of(self.own.id)):
            self.run = SyncRun.objects.get()  # its relations are not loaded
            self.receipt = CoverageReceipt.objects.get()

    @staticmethod
    def _tenant(name: str, number: int) -> Tenant:
        tenant, _ = connect_tenant(
            name, azure_tenant_id=UUID(int=number), client_id=UUID(int=number), secret_ref="env:NONE"
        )
        return tenant

    @staticmethod
    def new_row(tenant: Tenant, name: str) -> Subscription:
        """A subscription that is not saved yet."""
        return Subscription(tenant_id=tenant.id, subscription_id=str(new_id()), name=name, first_seen_at=timezone.now())


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """As somebody might write one."""

    class Meta:
        model = Subscription
        fields = "__all__"


@pytest.fixture
def world(db: None) -> World:
    """Two tenants' rows."""
    return World()


@pytest.fixture
def northwind(world: World) -> Iterator[Scope]:
    """Within the scope of the first tenant."""
    with entered(Scope.of(world.own.id)) as scope:
        yield scope


UNSCOPED: dict[str, Act] = {
    "all": lambda world: list(Subscription.objects.all()),
    "filter": lambda world: Subscription.objects.filter(name="own").first(),
    "filter by tenant": lambda world: list(Subscription.objects.for_tenant(world.own.id)),
    "get": lambda world: Subscription.objects.get(pk=world.own_row.pk),
    "exists": lambda world: Subscription.objects.exists(),
    "count": lambda world: Subscription.objects.count(),
    "aggregate": lambda world: Subscription.objects.aggregate(models.Count("id")),
    "values": lambda world: list(Subscription.objects.values("name")),
    "in_bulk": lambda world: Subscription.objects.in_bulk([world.own_row.pk]),
    "iterator": lambda world: next(Subscription.objects.iterator()),
    "raw": lambda world: list(Subscription.objects.raw("SELECT * FROM subscriptions")),
    "none": lambda world: list(Subscription.objects.none()),
    "default manager": lambda world: list(Subscription._default_manager.all()),
    "base manager": lambda world: list(Subscription._base_manager.all()),
    "tenants themselves": lambda world: list(Tenant.objects.all()),
    "update": lambda world: Subscription.objects.update(name="x"),
    "delete": lambda world: Subscription.objects.all().delete(),
    "create": lambda world: Subscription.objects.create(tenant=world.own, first_seen_at=timezone.now()),
    "get_or_create": lambda world: Subscription.objects.get_or_create(subscription_id="x"),
    "update_or_create": lambda world: Subscription.objects.update_or_create(subscription_id="x"),
    "bulk_create": lambda world: Subscription.objects.bulk_create([world.new_row(world.own, "x")]),
    "bulk_update": lambda world: Subscription.objects.bulk_update([world.own_row], ["name"]),
    "save of a new row": lambda world: world.new_row(world.own, "x").save(),
    "save of a known row": lambda world: world.own_row.save(),
    "save of one field": lambda world: world.own_row.save(update_fields=["name"]),
    "delete of a row": lambda world: world.own_row.delete(),
    "refresh": lambda world: world.own_row.refresh_from_db(),
    "unique check": lambda world: world.own_row.validate_constraints(),
    "related row": lambda world: world.receipt.subscription,
    "related tenant": lambda world: world.receipt.tenant,
    "related rows": lambda world: list(world.run.receipts.all()),
    "adding related rows": lambda world: world.run.receipts.create(tenant=world.own),
    "prefetch": lambda world: models.prefetch_related_objects([world.run], "receipts"),
    "prefetch forward": lambda world: models.prefetch_related_objects([world.receipt], "subscription"),
    "subquery": lambda world: list(User.objects.filter(pk__in=Membership.objects.values("user"))),
    "exists subquery": lambda world: list(User.objects.filter(models.Exists(Membership.objects.all()))),
    "deleting a person with memberships": lambda world: _somebody(world).delete(),
    "model form": lambda world: modelform_factory(CoverageReceipt, fields=["subscription"])(),
    "serializer of a manager": lambda world: SubscriptionSerializer(Subscription.objects, many=True).data,
    "serializer that validates": lambda world: SubscriptionSerializer(data={"tenant": world.own.pk}).is_valid(),
}


def _somebody(world: World) -> User:
    user: User = User.objects.create_user("dana@northwind.example")
    grant_role(user, world.own, Role.READER)
    return user


@pytest.mark.parametrize("act", UNSCOPED.values(), ids=UNSCOPED)
def test_without_a_scope_it_raises(world: World, act: Act) -> None:
    with pytest.raises(UnscopedError), transaction.atomic():
        act(world)

    with entered(Scope.every_tenant(reason="A test looks at what was written.")):
        assert sorted(Subscription.objects.values_list("name", flat=True)) == ["foreign", "own"]
        assert CoverageReceipt.objects.count() == 1


BLIND: dict[str, Act] = {
    "get": lambda world: Subscription.objects.filter(pk=world.foreign_row.pk).first(),
    "filter by tenant": lambda world: list(Subscription.objects.for_tenant(world.foreign.id)),
    "or": lambda world: list(Subscription.objects.filter(models.Q(name="foreign") | models.Q(name="none"))),
    "values": lambda world: [row for row in Subscription.objects.values_list("name") if row != ("own",)],
    "aggregate": lambda world: Subscription.objects.exclude(name="own").aggregate(n=models.Count("id"))["n"],
    "subquery": lambda world: list(
        Tenant.objects.filter(pk__in=Subscription.objects.filter(name="foreign").values("tenant"))
    ),
    "in_bulk": lambda world: Subscription.objects.in_bulk([world.foreign_row.pk]),
    "the tenant itself": lambda world: Tenant.objects.filter(pk=world.foreign.pk).first(),
    "base manager": lambda world: Subscription._base_manager.filter(pk=world.foreign_row.pk).first(),
    "update": lambda world: Subscription.objects.filter(pk=world.foreign_row.pk).update(name="x"),
    "delete": lambda world: Subscription.objects.filter(pk=world.foreign_row.pk).delete()[0],
}


@pytest.mark.parametrize("act", BLIND.values(), ids=BLIND)
def test_within_a_scope_foreign_rows_are_not_there(world: World, northwind: Scope, act: Act) -> None:
    world.foreign_row.name = "changed"

    assert not act(world)

    _assert_foreign_untouched(world)


REFUSED: dict[str, tuple[type[Exception], Act]] = {
    "get": (Subscription.DoesNotExist, lambda world: Subscription.objects.get(pk=world.foreign_row.pk)),
    "refresh": (Subscription.DoesNotExist, lambda world: world.foreign_row.refresh_from_db()),
    "save": (UnscopedError, lambda world: world.foreign_row.save()),
    "delete": (UnscopedError, lambda world: world.foreign_row.delete()),
    "create": (UnscopedError, lambda world: Subscription.objects.create(tenant=world.foreign)),
    "save of a new row": (UnscopedError, lambda world: world.new_row(world.foreign, "x").save()),
    "bulk_create of both": (
        UnscopedError,
        lambda world: Subscription.objects.bulk_create(
            world.new_row(tenant, "x") for tenant in (world.own, world.foreign)
        ),
    ),
    "bulk_update": (UnscopedError, lambda world: Subscription.objects.bulk_update([world.foreign_row], ["name"])),
    "giving a row away": (UnscopedError, lambda world: _moved(world.own_row, world.foreign).save()),
    "taking a row": (IntegrityError, lambda world: _moved(world.foreign_row, world.own).save()),
}


def _moved(row: Subscription, tenant: Tenant) -> Subscription:
    row.tenant_id = tenant.id
    return row


@pytest.mark.parametrize(("error", "act"), REFUSED.values(), ids=REFUSED)
def test_within_a_scope_foreign_rows_cannot_be_touched(
    world: World, northwind: Scope, error: type[Exception], act: Act
) -> None:
    with pytest.raises(error), transaction.atomic():
        act(world)

    _assert_foreign_untouched(world)


def _assert_foreign_untouched(world: World) -> None:
    with entered(Scope.every_tenant(reason="A test looks at what was written.")):
        rows = set(Subscription.objects.values_list("name", "tenant_id"))
    assert rows == {("own", world.own.id), ("foreign", world.foreign.id)}


GIVEN_AWAY: dict[str, Act] = {
    "update": lambda world: Subscription.objects.update(tenant=world.foreign),
    "update by id": lambda world: Subscription.objects.update(tenant_id=world.foreign.id),
    "bulk_update": lambda world: Subscription.objects.bulk_update([_moved(world.own_row, world.foreign)], ["tenant"]),
}


@pytest.mark.parametrize("act", GIVEN_AWAY.values(), ids=GIVEN_AWAY)
def test_within_a_scope_no_update_gives_rows_to_a_foreign_tenant(world: World, northwind: Scope, act: Act) -> None:
    with pytest.raises(UnscopedError), transaction.atomic():
        act(world)

    _assert_foreign_untouched(world)


def test_everything_in_scope_works(world: World, northwind: Scope) -> None:
    assert [row.name for row in Subscription.objects.all()] == ["own"]
    assert [tenant.name for tenant in Tenant.objects.all()] == ["northwind"]
    assert world.receipt.subscription == world.own_row
    world.own_row.name = "renamed"
    world.own_row.save()
    assert Subscription.objects.get().name == "renamed"
    world.new_row(world.own, "x").save()
    assert Subscription.objects.filter(name="x").delete()[0] == 1


def test_an_empty_scope_shows_nothing_and_does_not_raise(world: World) -> None:
    with entered(Scope.nothing()):
        assert not Subscription.objects.exists()
        assert not Tenant.objects.exists()
        with pytest.raises(UnscopedError):
            world.own_row.save()


def test_a_queryset_keeps_the_scope_it_was_made_in(world: World) -> None:
    with entered(Scope.of(world.own.id)):
        rows = Subscription.objects.all()
    with entered(Scope.every_tenant(reason="A wider scope does not widen what was asked before.")):
        assert [row.name for row in rows] == ["own"]


def test_the_scope_before_is_back_afterwards_also_after_an_error(world: World) -> None:
    outer = Scope.of(world.own.id)
    with entered(outer):
        with pytest.raises(KeyError), entered(Scope.of(world.foreign.id)):
            raise KeyError
        assert current_scope() is outer
    with pytest.raises(UnscopedError):
        current_scope()


def test_every_tenant_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Scope.every_tenant(reason="")


def test_across_tenants_needs_a_reason(world: World) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Subscription.objects.across_tenants(reason="")
    assert Subscription.objects.across_tenants(reason="A test.").count() == 2


@pytest.mark.parametrize("most", [1, 500])
def test_a_large_scope_asks_the_memberships(world: World, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(tenancy, "MAX_TENANTS_IN_LIST", most)
    third = World._tenant("fourth-coffee", 3)
    with entered(Scope.of(third.id)):
        World.new_row(third, "third").save()
    user = _somebody(world)
    grant_role(user, third, Role.READER)

    with (
        entered(access_for(user).scope),
        CaptureQueriesContext(
            connection,
        ) as asked,
    ):
        names = sorted(Subscription.objects.values_list("name", flat=True))
        assert Subscription.objects.filter(name="foreign").update(name="x") == 0
        with pytest.raises(UnscopedError):
            world.foreign_row.save()

    assert names == ["own", "third"]
    assert ("memberships" in asked[0]["sql"]) is (most == 1)


def test_a_large_scope_without_a_person_stays_a_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenancy, "MAX_TENANTS_IN_LIST", 1)

    with entered(Scope.of(world.own.id, world.foreign.id)):
        assert Subscription.objects.count() == 2


def test_every_model_with_a_tenant_is_guarded() -> None:
    with_tenant = [model for model in apps.get_models() if "tenant" in {field.name for field in model._meta.fields}]

    assert {Subscription, Membership, SyncRun, CoverageReceipt} <= set(with_tenant)
    for model in with_tenant:
        assert issubclass(model, TenantOwned | TenantOrPlatformOwned), model
        assert model._meta.base_manager_name == "objects", model
        for manager in (model._base_manager, model._default_manager, *model._meta.managers):
            assert isinstance(manager, TenantManager), (model, manager)
    assert set(with_tenant) == set(tenancy.tenant_owned_models())
    assert isinstance(Tenant._base_manager, TenantManager)
    assert isinstance(Tenant._default_manager, TenantManager)


def test_no_unguarded_model_points_to_a_guarded_one() -> None:
    guarded = {Tenant, *tenancy.tenant_owned_models()}
    for model in apps.get_models(include_auto_created=True):
        points_to = {field.related_model for field in model._meta.get_fields() if field.many_to_one or field.one_to_one}
        assert model in guarded or not points_to & guarded, model


def test_a_foreign_row_that_claims_to_be_ours_is_not_deleted(world: World, northwind: Scope) -> None:
    forged = Subscription(id=world.foreign_row.id, tenant_id=world.own_row.tenant_id)

    with pytest.raises(UnscopedError):
        forged.delete()

    _assert_foreign_untouched(world)
