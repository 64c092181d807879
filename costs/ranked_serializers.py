"""How what is told by rank is written in the API: what moved most, and what wastes most."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from costs.serializers import STATES, AmountField, MonthField, PartSerializer, QuestionSerializer, SpansSerializer
from inventory.hygiene_serializers import OrphanSerializer


class MoverSerializer(serializers.Serializer[Any]):
    """What these parts cost, and what they cost before. `percent` is null where that was nothing."""

    parts = PartSerializer(many=True)
    amount = AmountField(source="amounts.amount")
    before = AmountField(source="amounts.before")
    change = AmountField(source="amounts.change")
    percent = serializers.DecimalField(
        max_digits=38,
        decimal_places=1,
        allow_null=True,
        source="amounts.percent",
        help_text="Null: before was nothing.",
    )


class MoversCurrencySerializer(serializers.Serializer[Any]):
    """One currency: what rose most, and what fell most."""

    currency = serializers.CharField()
    up = MoverSerializer(many=True)
    down = MoverSerializer(many=True)


@extend_schema_serializer(many=False)
class MoversSerializer(QuestionSerializer):
    """What rose and fell most by one or two dimensions. `compared`: these days as far as they are whole, and before.

    Where the state of one of the two is unknown, or no day is whole yet, nothing is compared, and there are no rows.
    """

    by = serializers.ListField(child=serializers.CharField())
    compared = SpansSerializer()
    has_whole_day = serializers.BooleanField(help_text="False: no day of these is whole yet.")
    currencies = MoversCurrencySerializer(many=True)


class WastedSerializer(serializers.Serializer[Any]):
    """An orphan, by its oldest lasting period, and its own cost since. `state` partial: it is at least that much.

    `through` is the last day that is counted, `unknown` the months of which nothing is known.
    """

    orphan = OrphanSerializer()
    amount = AmountField()
    state = serializers.ChoiceField(choices=STATES, source="waste.state")
    through = serializers.DateField(allow_null=True, source="waste.through")
    unknown = serializers.ListField(child=MonthField(), source="waste.unknown")
    reason = serializers.CharField(source="waste.reason")


class WasteCurrencySerializer(serializers.Serializer[Any]):
    """One currency: the orphans that wasted most, and the rest of them. Rows and rest add up to the total."""

    currency = serializers.CharField()
    total = AmountField()
    rows = WastedSerializer(many=True)
    rest = AmountField()


@extend_schema_serializer(many=False)
class WasteSerializer(QuestionSerializer):
    """What resources that nothing uses have cost since. `since` is when the oldest began, as far back as sums are kept.

    `unknown`: of so many of the orphans no source told what they cost; they are in no amount.
    """

    orphans = serializers.IntegerField()
    unknown = serializers.IntegerField()
    currencies = WasteCurrencySerializer(many=True)
