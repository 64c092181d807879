"""The daily sums of one slice, made anew out of its rows within the database.

Names fold their case (lower case), but for the service's: Azure writes it in one way.
"""

from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import Lower

from costs.models import CostRecord, CostTag, DailyCost, DailyResourceCost, DailyTagCost
from costs.querysets import CostQuerySet
from costs.slices import OneSlice
from governance import bulk

PLACE = ("resource_group", "service", "region")
SUMS: tuple[Any, ...] = (DailyCost, DailyResourceCost, DailyTagCost)


def recompute(one: OneSlice, *, has_resources: bool) -> None:
    """Replace the sums of a slice by those of the rows that are there now, in the caller's transaction."""
    for model in SUMS:
        one.of(model).delete()
    _sum_days(one)
    if has_resources:
        _sum_resources(one)
    _sum_tags(one)


def _sum_days(one: OneSlice) -> None:
    columns = ("day", "currency", *PLACE, "charge_type", "amount", "rows")
    names = ("day", "currency", "grouped", "service", "place", "charge_type")
    sums = _folded(one.of(CostRecord)).values_list(*names).annotate(total=Sum("amount"), number=Count("id"))
    parts = {"sums": ((*names, "total", "number"), sums)}
    bulk.insert_select(DailyCost, columns, "SELECT * FROM sums", parts, alike=one.alike)


def _sum_resources(one: OneSlice) -> None:
    names = ("day", "currency", "azure_id_hash", "service", "tag_set")
    sums = one.of(CostRecord).values_list(*names).annotate(total=Sum("amount"))
    parts = {"sums": ((*names, "total"), sums)}
    bulk.insert_select(DailyResourceCost, (*names, "amount"), "SELECT * FROM sums", parts, alike=one.alike)


def _sum_tags(one: OneSlice) -> None:
    """By set of tags first, which is far less than the rows, and only then by each tag of the sets."""
    columns = ("day", "currency", "name", "value", *PLACE, "amount")
    names = ("day", "currency", "grouped", "service", "place", "tag_set")
    tagged = _folded(one.of(CostRecord).exclude(tag_set=""))
    tags = CostTag.objects.for_tenant(one.tenant).order_by().values_list("tag_set", "key", "value")
    parts = {
        "sums": ((*names, "total"), tagged.values_list(*names).annotate(total=Sum("amount"))),
        "tags": (("tag_set", "tag", "word"), tags),
    }
    keys = "sums.day, sums.currency, tags.tag, tags.word, sums.grouped, sums.service, sums.place"
    joined = "FROM sums INNER JOIN tags ON tags.tag_set = sums.tag_set"
    select = f"SELECT {keys}, SUM(sums.total) {joined} GROUP BY {keys}"  # noqa: S608
    bulk.insert_select(DailyTagCost, columns, select, parts, alike=one.alike)


def _folded(rows: CostQuerySet) -> CostQuerySet:
    folded: CostQuerySet = rows.annotate(grouped=Lower("resource_group"), place=Lower("region"))
    return folded
