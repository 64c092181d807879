"""How costs are written in the API. Amounts are strings of exact decimals, tax excluded, each beside its currency."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from costs.finality import finality
from costs.models import CostRecord, Finality, Metric, Restatement, RestatementLine, Source
from costs.standing import State
from governance.drf import CoverageSerializer

STATES = [state.value for state in State]


class AmountField(serializers.DecimalField):
    """An exact amount, as a string with nine places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 38, "decimal_places": 9, **options})


class RateField(AmountField):
    """An exchange rate."""


class MonthField(serializers.DateField):
    """A month by its first day."""


# --- what figures stand on ---


class UnreadSerializer(serializers.Serializer[Any]):
    """A subscription whose costs of these months are unknown, which is not zero."""

    tenant = serializers.CharField()
    subscription = serializers.CharField()
    subscription_id = serializers.CharField()
    months = serializers.ListField(child=MonthField())
    reason = serializers.CharField()


class RefusedSliceSerializer(serializers.Serializer[Any]):
    """A month of a subscription of which a later reading was not believed; what is shown is the one before."""

    tenant = serializers.CharField()
    subscription = serializers.CharField()
    subscription_id = serializers.CharField()
    month = MonthField()
    reason = serializers.CharField()
    refused_at = serializers.DateTimeField()


class SourceCountSerializer(serializers.Serializer[Any]):
    """How many slices came from a source."""

    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]  # a field of that name
    slices = serializers.IntegerField()

    def to_representation(self, instance: tuple[str, int]) -> dict[str, Any]:
        """A pair of both."""
        return {"source": instance[0], "slices": instance[1]}


class StandingSerializer(serializers.Serializer[Any]):
    """What the figures stand on. A slice is one subscription and month. `finality` is null when nothing was read."""

    state = serializers.ChoiceField(choices=STATES)
    finality = serializers.ChoiceField(choices=Finality.choices, allow_null=True)
    oldest_read_at = serializers.DateTimeField(allow_null=True)
    newest_read_at = serializers.DateTimeField(allow_null=True)
    slices_expected = serializers.IntegerField()
    slices_read = serializers.IntegerField()
    days = serializers.IntegerField()
    days_known = serializers.IntegerField(help_text="Days of which every subscription was read when they were over.")
    sources = SourceCountSerializer(many=True)
    without_resources = serializers.IntegerField(help_text="Slices whose source names neither resources nor tags.")
    unread = UnreadSerializer(many=True)
    more_unread = serializers.IntegerField(help_text="Subscriptions beyond those listed.")
    refused = RefusedSliceSerializer(many=True)
    more_refused = serializers.IntegerField(help_text="Refusals beyond those listed.")


class MoneySerializer(serializers.Serializer[Any]):
    """An amount in its currency."""

    currency = serializers.CharField()
    amount = AmountField()


class UsedRateSerializer(serializers.Serializer[Any]):
    """A rate that amounts were converted at, and the first and last day it was used for."""

    base = serializers.CharField()
    rate_day = serializers.DateField(source="rate.day")
    rate = RateField(source="rate.rate")
    published_by = serializers.CharField(source="rate.source")
    is_inverse = serializers.BooleanField(
        source="rate.is_inverse", help_text="Amounts were divided by it: it was told the other way round."
    )
    first_day = serializers.DateField(source="first")
    last_day = serializers.DateField(source="last")


class QuestionSerializer(serializers.Serializer[Any]):
    """What every answer begins with: the metric and the days it is about."""

    metric = serializers.ChoiceField(choices=Metric.choices)
    since = serializers.DateField()
    until = serializers.DateField()
    coverage = CoverageSerializer()
    standing = StandingSerializer()


class ConvertedSerializer(serializers.Serializer[Any]):
    """An amount in the display currency; what has no rate stays apart."""

    amount = AmountField()
    without_rate = MoneySerializer(many=True)


# --- summary ---


class ComparedSerializer(serializers.Serializer[Any]):
    """An amount and that of the time before; null where that is unknown, or there is nothing to compare with."""

    currency = serializers.CharField()
    amount = AmountField()
    before = AmountField(allow_null=True)
    change = AmountField(allow_null=True)
    percent = serializers.DecimalField(max_digits=38, decimal_places=1, allow_null=True)


class SpansSerializer(serializers.Serializer[Any]):
    """Some days, and those they are compared with. The states say how whole each is."""

    since = serializers.DateField(source="span.first")
    until = serializers.DateField(source="span.last")
    before_since = serializers.DateField(source="before.first")
    before_until = serializers.DateField(source="before.last")
    state = serializers.ChoiceField(choices=STATES)
    state_before = serializers.ChoiceField(choices=STATES)


class ComparisonSerializer(SpansSerializer):
    """Some days against others, by currency. The states say how whole each is."""

    amounts = ComparedSerializer(many=True)


class TotalConversionSerializer(ConvertedSerializer):
    """The total in the display currency, at these rates."""

    currency = serializers.CharField()
    rates = UsedRateSerializer(many=True)


@extend_schema_serializer(many=False)
class SummarySerializer(QuestionSerializer):
    """Totals by currency. `to_date`: the last month as far as its days are whole, against the same of the month before;
    null when no day of it is whole. `converted`: only with `display_currency`.
    """

    total = ComparisonSerializer()
    to_date = ComparisonSerializer(allow_null=True)
    converted = TotalConversionSerializer(allow_null=True)


# --- trend ---


class PointSerializer(serializers.Serializer[Any]):
    """A day, or the days of a month. `amounts` is empty where nothing is known; a known zero is there."""

    since = serializers.DateField()
    until = serializers.DateField()
    state = serializers.ChoiceField(choices=STATES)
    amounts = MoneySerializer(many=True)
    converted = ConvertedSerializer(allow_null=True)


class RatesSerializer(serializers.Serializer[Any]):
    """The display currency and the rates into it."""

    currency = serializers.CharField()
    rates = UsedRateSerializer(many=True)


@extend_schema_serializer(many=False)
class TrendSerializer(QuestionSerializer):
    """Costs over time. `conversion`: only with `display_currency`."""

    by = serializers.ChoiceField(choices=["day", "month"])
    points = PointSerializer(many=True)
    conversion = RatesSerializer(allow_null=True)


# --- cut ---


class PartSerializer(serializers.Serializer[Any]):
    """One value. `kind` none: it has none (untagged, of no resource); untold: the source does not tell.

    `word` is what the filter of that dimension takes.
    """

    dimension = serializers.CharField(source="dimension.word")
    kind = serializers.ChoiceField(choices=["value", "none", "untold"])
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not DRF's attribute
    word = serializers.CharField()
    detail = serializers.CharField()


class CutRowSerializer(serializers.Serializer[Any]):
    """What these parts cost together."""

    parts = PartSerializer(many=True)
    amount = AmountField()


class CutCurrencySerializer(serializers.Serializer[Any]):
    """One currency: the rows by the size of their amounts, and the rest. Rows and rest add up to the total."""

    currency = serializers.CharField()
    total = AmountField()
    rows = CutRowSerializer(many=True)
    rest = AmountField()
    rest_rows = serializers.IntegerField()


class CutConversionSerializer(CutCurrencySerializer):
    """The same over all currencies, in the display currency; what has no rate stays apart and is in no row."""

    without_rate = MoneySerializer(many=True)
    rates = UsedRateSerializer(many=True)


@extend_schema_serializer(many=False)
class CutSerializer(QuestionSerializer):
    """Costs by one or two dimensions. `converted`: only with `display_currency`."""

    by = serializers.ListField(child=serializers.CharField())
    currencies = CutCurrencySerializer(many=True)
    converted = CutConversionSerializer(allow_null=True)


# --- rows ---


class OfSubscriptionSerializer(serializers.ModelSerializer[Any]):
    """What is told of the tenant and subscription of any row."""

    tenant_name = serializers.CharField(source="tenant.name")
    subscription_id = serializers.CharField(source="subscription.subscription_id")
    subscription_name = serializers.CharField(source="subscription.name")

    OWN = ("id", "tenant", "tenant_name", "subscription_id", "subscription_name", "month", "metric")


class RecordSerializer(OfSubscriptionSerializer):
    """One row of cost as its source told it; "" is: not told. `tags` are those of the row, not the resource's."""

    amount = AmountField()
    quantity = AmountField(allow_null=True)
    tags = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = CostRecord
        fields = [
            *OfSubscriptionSerializer.OWN,
            "day",
            "currency",
            "amount",
            "azure_id",
            "resource_group",
            "service",
            "meter",
            "region",
            "charge_type",
            "pricing_model",
            "benefit",
            "quantity",
            "unit",
            "tags",
        ]


class RestatementSerializer(OfSubscriptionSerializer):
    """One replacement of a slice, in one currency: before + arrived + moved = after.

    `arrived` is of days that had not been told yet, or not as a whole (the day of a reading and the one before);
    `moved` of days that had.
    """

    before = AmountField()
    arrived = AmountField()
    moved = AmountField()
    after = AmountField()
    source = serializers.ChoiceField(choices=Source.choices, source="receipt.source")  # type: ignore[assignment]
    finality = serializers.SerializerMethodField()

    class Meta:
        model = Restatement
        fields = [
            *OfSubscriptionSerializer.OWN,
            "at",
            "currency",
            "before",
            "arrived",
            "moved",
            "after",
            "finality_before",
            "finality",
            "source",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=Finality.choices))
    def get_finality(self, row: Restatement) -> str:
        """How final the new state is, by when it was read."""
        return finality(row.month, row.at.date()).value


class MovedTotalSerializer(serializers.Serializer[Any]):
    """All slices of one currency together."""

    currency = serializers.CharField()
    slices = serializers.IntegerField()
    arrived = AmountField()
    moved = AmountField()


class MovedSliceSerializer(MovedTotalSerializer):
    """One subscription and month, over all its restatements since then: before + arrived + moved = after."""

    slices = None  # type: ignore[assignment]  # it is one
    tenant = serializers.CharField()
    subscription = serializers.CharField()
    subscription_id = serializers.CharField()
    month = MonthField()
    before = AmountField()
    after = AmountField()
    restatements = serializers.IntegerField()
    last_at = serializers.DateTimeField()


class MovedPartSerializer(serializers.Serializer[Any]):
    """By how much one day, service or resource moved. `word`: the day, the service, the hash of the resource's id."""

    word = serializers.CharField(source="key")
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not DRF's attribute
    currency = serializers.CharField()
    moved = AmountField()


@extend_schema_serializer(many=False)
class MovedSerializer(serializers.Serializer[Any]):
    """What moved since a moment of what had been told before; what moved most, whatever its currency, first."""

    metric = serializers.ChoiceField(choices=Metric.choices)
    since = serializers.DateTimeField(source="when")
    coverage = CoverageSerializer()
    totals = MovedTotalSerializer(many=True)
    slices = MovedSliceSerializer(many=True)
    more_slices = serializers.IntegerField(help_text="Slices beyond those listed.")
    by_day = MovedPartSerializer(many=True)
    by_service = MovedPartSerializer(many=True)
    by_resource = MovedPartSerializer(many=True)


class LineSerializer(serializers.ModelSerializer[RestatementLine]):
    """What moved of one day, service and resource ("" where the source names none)."""

    before = AmountField()
    after = AmountField()
    azure_id = serializers.CharField()

    class Meta:
        model = RestatementLine
        fields = ["id", "day", "service", "azure_id_hash", "azure_id", "before", "after"]
