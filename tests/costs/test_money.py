"""The amount field: exact on the engine the suite runs on, sums included."""

from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from costs.models import DailyCost, Metric
from governance.money import AmountField, rounded
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

pytestmark = pytest.mark.django_db
AMOUNTS = (Decimal("0.100000001"), Decimal("0.2"), Decimal("-0.000000001"), Decimal("123456789.123456789"))


@pytest.fixture
def sums(contoso: Tenant) -> None:
    """Four amounts of one day, in the scope of their tenant."""
    with entered(Scope.of(contoso.id)):
        subscription = Subscription.objects.create(
            tenant=contoso, subscription_id="s", name="s", first_seen_at=timezone.now()
        )
        for amount in AMOUNTS:
            DailyCost.objects.create(
                tenant=contoso,
                month=date(2026, 1, 1),
                day=date(2026, 1, 1),
                subscription=subscription,
                metric=Metric.ACTUAL,
                currency="EUR",
                amount=amount,
                rows=1,
            )


@pytest.mark.usefixtures("sums", "everywhere")
def test_amounts_come_back_as_they_were() -> None:
    assert sorted(DailyCost.objects.values_list("amount", flat=True)) == sorted(AMOUNTS)


@pytest.mark.usefixtures("sums", "everywhere")
def test_the_database_sums_exactly() -> None:
    found = DailyCost.objects.values("currency").annotate(
        total=Sum("amount"), few=Sum("amount", filter=Q(amount__lt=0))
    )

    assert [(row["total"], row["few"]) for row in found] == [(sum(AMOUNTS), Decimal("-0.000000001"))]


@pytest.mark.usefixtures("db", "everywhere")
def test_nothing_is_nothing() -> None:
    none = DailyCost.objects.aggregate(total=Coalesce(Sum("amount"), Decimal(0), output_field=AmountField()))

    assert none["total"] == Decimal(0)


def test_what_does_not_fit_is_refused_and_not_cut() -> None:
    with pytest.raises(ValueError, match="Round it first"):
        AmountField().get_prep_value(Decimal("0.0000000001"))


def test_rounding_is_half_even() -> None:
    assert [rounded(Decimal(text)) for text in ("0.0000000005", "0.0000000015")] == [Decimal(0), Decimal("2e-9")]
