"""/api/v1/costs/: summary/, trend/, cut/, movers/, waste/, records/, moved/, and restatements/ with their lines."""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from costs.exchange import Conversion
from costs.explorer import cut, cut_converted, movers
from costs.figures import DAY, summary, total_converted, trend, trend_converted
from costs.lists import (
    LINE_SORTS,
    RECORD_SORTS,
    RESTATEMENT_SORTS,
    TOP,
    CutFilter,
    FiguresFilter,
    LineListFilter,
    MovedFilter,
    RecordListFilter,
    RestatementListFilter,
    TrendFilter,
    display_currency_of,
    record_rows,
    restatement_rows,
)
from costs.models import CostedResource, CostRecord, CostTag, DailyCost, Restatement, RestatementLine
from costs.questions import Question
from costs.ranked_lists import MoversFilter, WasteFilter
from costs.ranked_serializers import MoversSerializer, WasteSerializer
from costs.serializers import (
    CutSerializer,
    LineSerializer,
    MovedSerializer,
    RecordSerializer,
    RestatementSerializer,
    SummarySerializer,
    TrendSerializer,
)
from costs.standing import standing_of
from costs.waste import Wasted, most_wasted, waste_total, waste_unknown
from governance.access import Permission, get_visible_or_404
from governance.money import NOTHING
from inventory.models import Orphan
from tenants.api import CoveredViewSet

RESTATEMENT_ID = OpenApiParameter("restatement_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


class CostView(CoveredViewSet):
    """A view of costs."""

    requires = Permission.SEE
    kind: ClassVar[str] = "costs"


class FiguresView(CostView):
    """An answer in figures: one, whatever the number of rows."""

    filterset_class: ClassVar[type[FiguresFilter]] = FiguresFilter
    pagination_class: Any = None
    passed_through: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self) -> QuerySet[Any]:
        """What the filters look at; the figures ask for themselves."""
        rows: QuerySet[Any] = DailyCost.objects.all()
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Figures by currency, what they stand on, and how fresh that is."""
        self.filter_queryset(self.get_queryset())
        question: Question = self.asked.question()
        answer = self.answer(question, display_currency_of(self.asked))
        told = {"metric": question.metric, "since": question.first, "until": question.last, **answer}
        return Response(self.get_serializer({**told, "coverage": self.coverage()}).data)

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """The figures, and the same in this currency if there is one."""
        raise NotImplementedError


class CostSummaryView(FiguresView):
    """What your tenants cost, by currency, against the time before; this month to date if no days are given."""

    serializer_class = SummarySerializer

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """Totals."""
        found = summary(question, today=timezone.now().date())
        converted = _total(total_converted(question, currency)) if currency else None
        return {"total": found.total, "to_date": found.to_date, "standing": found.standing, "converted": converted}


class CostTrendView(FiguresView):
    """What your tenants cost over time, by day or month. Days that nobody read are unknown, not zero."""

    serializer_class = TrendSerializer
    filterset_class = TrendFilter

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """Points in time."""
        by = self.asked.form.cleaned_data["by"] or DAY
        found = trend(question, by, today=timezone.now().date())
        conversion = trend_converted(question, by, currency) if currency else None
        points = [
            {
                "since": point.span.first,
                "until": point.span.last,
                "state": point.state,
                "amounts": [{"currency": code, "amount": amount} for code, amount in point.amounts.items()],
                "converted": conversion.of(point.span.first) if conversion and point.amounts else None,
            }
            for point in found.points
        ]
        return {"by": by, "points": points, "standing": found.standing, "conversion": conversion}


class CostCutView(FiguresView):
    """What your tenants cost by one or two dimensions; rows and rest add up to the total of each currency."""

    serializer_class = CutSerializer
    filterset_class = CutFilter

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """Rows by currency."""
        by, top = self.asked.form.cleaned_data["by"], int(self.asked.form.cleaned_data["top"] or TOP)
        found = cut(question, by, today=timezone.now().date(), top=top)
        converted = cut_converted(question, by, currency, top=top) if currency else None
        words = [dimension.word for dimension in by]
        return {"by": words, "currencies": found.currencies, "standing": found.standing, "converted": converted}


class CostMoversView(FiguresView):
    """What rose and fell most against the time before, as far as the days are whole; this month if none are given."""

    serializer_class = MoversSerializer
    filterset_class = MoversFilter

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """Rows by currency."""
        by, top = self.asked.form.cleaned_data["by"], int(self.asked.form.cleaned_data["top"] or TOP)
        today = timezone.now().date()
        found = movers(question, by, today=today, top=top)
        currencies = [
            {"currency": one, "up": found.up.get(one, ()), "down": found.down.get(one, ())}
            for one in sorted(found.up.keys() | found.down.keys())
        ]
        words = [dimension.word for dimension in by]
        standing = standing_of(question, today=today)
        told = {"by": words, "compared": found, "has_whole_day": found.has_whole_day, "currencies": currencies}
        return {**told, "standing": standing}


class CostWasteView(FiguresView):
    """What orphans have cost since nothing uses them: in all, and those that wasted most."""

    serializer_class = WasteSerializer
    filterset_class = WasteFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Orphans in scope."""
        rows: QuerySet[Any] = Orphan.objects.all()
        return rows

    def answer(self, question: Question, currency: str) -> dict[str, Any]:
        """Rows by currency."""
        today, orphans = timezone.now().date(), self.asked.orphans
        about = {"metric": question.metric, "orphans": orphans}
        totals = waste_total(question.tenants, **about)
        largest = most_wasted(
            question.tenants, today=today, top=int(self.asked.form.cleaned_data["top"] or TOP), **about
        )
        return {
            "orphans": orphans.count(),
            "unknown": waste_unknown(orphans, metric=question.metric),
            "currencies": [_wasted(one, totals[one], largest.get(one, ())) for one in sorted(totals)],
            "standing": standing_of(question, today=today),
        }


class RecordView(CostView):
    """The rows of cost as their sources told them; of this month if no days are given.

    The id of a row lives as long as its slice: the next reading that differs makes new ones.
    """

    serializer_class = RecordSerializer
    filterset_class = RecordListFilter
    sorts = RECORD_SORTS
    default_sort = "day"

    def get_queryset(self) -> QuerySet[CostRecord]:
        """Rows in scope."""
        rows: QuerySet[CostRecord] = record_rows()
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of rows, with the tags of each."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        with_tags(page)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class MovedView(CostView):
    """What moved since a moment, in the last thirty days if none is given: by slice, day, service and resource."""

    serializer_class = MovedSerializer
    filterset_class = MovedFilter
    pagination_class: Any = None
    passed_through: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self) -> QuerySet[Restatement]:
        """What the filters look at."""
        rows: QuerySet[Restatement] = Restatement.objects.all()
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What moved by how much, and how fresh that is."""
        self.filter_queryset(self.get_queryset())
        found = self.asked.moved()
        told = {field.name: getattr(found, field.name) for field in fields(found)}
        return Response(self.get_serializer({**told, "coverage": self.coverage()}).data)


class RestatementView(CostView):
    """Each time that stored costs were told anew: what they were, what arrived, what moved. The newest first."""

    serializer_class = RestatementSerializer
    filterset_class = RestatementListFilter
    sorts = RESTATEMENT_SORTS
    default_sort = "-at"

    def get_queryset(self) -> QuerySet[Restatement]:
        """Restatements in scope."""
        rows: QuerySet[Restatement] = restatement_rows()
        return rows


@extend_schema_view(list=extend_schema(parameters=[RESTATEMENT_ID]))
class RestatementLineView(CostView):
    """Which days, services and resources moved in one restatement."""

    serializer_class = LineSerializer
    filterset_class = LineListFilter
    sorts = LINE_SORTS
    default_sort = "day"

    def get_queryset(self) -> QuerySet[RestatementLine]:
        """The lines of the restatement in the address, if that is in scope."""
        if getattr(self, "swagger_fake_view", False):
            nothing: QuerySet[RestatementLine] = RestatementLine.objects.none()
            return nothing
        row = get_visible_or_404(Restatement.objects.only("id", "tenant_id"), self.kwargs["restatement_id"])
        rows: QuerySet[RestatementLine] = RestatementLine.objects.for_tenant(row.tenant_id).filter(restatement=row)
        return rows

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of lines, with the ids of the resources."""
        page: Sequence[Any] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        keys = {line.azure_id_hash for line in page}
        named = dict(CostedResource.objects.filter(azure_id_hash__in=keys).values_list("azure_id_hash", "azure_id"))
        for line in page:
            line.azure_id = named.get(line.azure_id_hash, "")
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def _wasted(currency: str, total: Decimal, rows: Sequence[Wasted]) -> dict[str, Any]:
    """One currency of what is wasted."""
    rest = total - sum((row.amount for row in rows), NOTHING)
    return {"currency": currency, "total": total, "rows": rows, "rest": rest}


def _total(conversion: Conversion) -> dict[str, Any]:
    """The whole of a conversion as the API tells it."""
    total = conversion.total
    told = {"currency": conversion.currency, "rates": conversion.rates}
    return {**told, "amount": total.amount, "without_rate": total.without_rate}


def with_tags(rows: Sequence[Any]) -> None:
    """Give each row the tags of its set, as they were given. One query."""
    tags: dict[tuple[Any, str], dict[str, str]] = {}
    sets = {row.tag_set for row in rows if row.tag_set}
    for tag in CostTag.objects.filter(tag_set__in=sets).order_by("name"):
        tags.setdefault((tag.tenant_id, tag.tag_set), {})[tag.name] = tag.value
    for row in rows:
        row.tags = tags.get((row.tenant_id, row.tag_set), {})
