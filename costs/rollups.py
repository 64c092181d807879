"""The daily sums of one slice, made anew out of its rows within the database.

The rows are read once, into the finest sums that any of the tables needs; the tables are sums of those. Names fold
their case (lower case), but for the service's: Azure writes it in one way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Count, Sum

from costs.models import CostRecord, CostTag, DailyCost, DailyResourceCost, DailyTagCost
from costs.slices import OneSlice
from governance import bulk
from governance.database.folding import Folded

DAILY: tuple[Any, ...] = (DailyCost, DailyResourceCost, DailyTagCost)
BY_PLACE = ("day", "currency", "resource_group", "service", "region", "charge_type")
BY_RESOURCE = ("day", "currency", "azure_id_hash", "service", "tag_set")
FINEST = (*BY_PLACE, "azure_id_hash", "tag_set")


@contextmanager
def finest_sums(one: OneSlice) -> Iterator[str]:
    """A temporary table of the sums of the slice's rows by everything in FINEST, with `amount` and `rows`."""
    folded = {"resource_group": "grouped", "region": "place"}
    names = [folded.get(name, name) for name in FINEST]
    rows = one.of(CostRecord).annotate(grouped=Folded("resource_group"), place=Folded("region"))
    sums = rows.values_list(*names).annotate(total=Sum("amount"), number=Count("id"))
    fields = [CostRecord._meta.get_field(name) for name in (*FINEST, "amount")]
    with bulk.set_aside([*fields, DailyCost._meta.get_field("rows")], sums) as finest:
        yield finest


def rewrite(one: OneSlice, finest: str, *, has_resources: bool) -> None:
    """Replace the daily sums of a slice, in the caller's transaction. Where no resource is named there are none by it.

    `finest` is the table of `finest_sums`.
    """
    for model in DAILY:
        one.of(model).delete()
    _insert(one, DailyCost, BY_PLACE, {"amount": "SUM(amount)", "rows": "SUM(rows)"}, finest)
    if has_resources:
        _insert(one, DailyResourceCost, BY_RESOURCE, {"amount": "SUM(amount)"}, finest)
    _insert_tags(one, finest)


def _insert(one: OneSlice, model: Any, keys: tuple[str, ...], sums: dict[str, str], finest: str) -> None:
    by = ", ".join(keys)
    select = f"SELECT {by}, {', '.join(sums.values())} FROM {finest} GROUP BY {by}"  # noqa: S608
    bulk.insert_select(model, (*keys, *sums), select, {}, alike=one.alike)


def _insert_tags(one: OneSlice, finest: str) -> None:
    """By set of tags first, which is far less, and only then by each tag of the sets."""
    columns = ("day", "currency", "name", "value", "resource_group", "service", "region", "amount")
    by = "day, currency, resource_group, service, region, tag_set"
    sums = f"SELECT {by}, SUM(amount) AS total FROM {finest} WHERE tag_set <> '' GROUP BY {by}"  # noqa: S608
    keys = "day, currency, tag, word, resource_group, service, region"
    joined = f"FROM ({sums}) AS sums INNER JOIN tags ON tags.tag_set = sums.tag_set"
    select = f"SELECT {keys}, SUM(total) {joined} GROUP BY {keys}"
    tags = CostTag.objects.for_tenant(one.tenant).order_by().values_list("tag_set", "key", "value")
    parts = {"tags": (("tag_set", "tag", "word"), tags)}
    bulk.insert_select(DailyTagCost, columns, select, parts, alike=one.alike)
