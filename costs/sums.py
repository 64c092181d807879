"""Sums of cost by any dimensions, from the daily tables alone: which table can answer, and what it cannot tell.

Parts always add up to the total of the same question. Next to the values of a dimension there is what has none of it
(untagged, of no resource), and what the source does not tell: a slice read by service and resource group names neither
tags nor resources. A constant number of queries, whatever the number of rows, tenants and subscriptions.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, Sum

from costs.models import CostedResource, CostSlice, CostTag, DailyCost, DailyResourceCost, DailyTagCost
from costs.questions import RESOURCE, TAG, Dimension, Question, UnanswerableError
from governance.filters import Words
from governance.tenancy import current_scope
from tenants.models import Tenant

NATIVE = {"tenant": "tenant_id", "subscription": "subscription_id"}  # columns that are not called like the dimension
OF_RESOURCE = {"resource_group", "region"}  # what `daily_resource_costs` knows by way of the resource only


class Kind(StrEnum):
    """What a key stands for."""

    VALUE = "value"
    NONE = "none"  # it has none: untagged, of no resource, in no region
    UNTOLD = "untold"  # the source does not tell


class Key(NamedTuple):
    """One value of one dimension, as stored: a tenant's or subscription's primary key, a name, a resource's hash."""

    kind: Kind
    value: Any = ""


class Group(NamedTuple):
    """What costs of one currency with these keys, in the order of the dimensions, add up to. `day` if asked for."""

    keys: tuple[Key, ...]
    currency: str
    day: date | None
    amount: Decimal


Place = tuple[tuple[Key, ...], str, date | None]  # of a group, all but its amount
UNTOLD, NONE = Key(Kind.UNTOLD), Key(Kind.NONE)


def groups(question: Question, by: Sequence[Dimension] = (), *, per_day: bool = False) -> list[Group]:
    """The sums by these dimensions, currency, and day if wanted. At most seven queries. Raises UnanswerableError."""
    tags = {one.tag for one in by if one.kind == TAG}
    condition = question.narrowed.tag
    named = tags | ({condition.name} if condition else set())
    needs_resources = (
        any(one.kind == RESOURCE for one in by)
        or question.narrowed.resource is not None
        or len(named) > 1
        or (condition is not None and condition.unwanted)
    )
    if (named or needs_resources) and _asks_charge_type(question, by):
        raise UnanswerableError("Charge types are not summed by tag or resource: leave one of them out.")
    if needs_resources:
        return _by_resource(question, by, per_day=per_day)
    return _by_tag(question, by, named.pop(), per_day=per_day) if named else _by_day(question, by, per_day=per_day)


def daily_groups(question: Question, by: Sequence[Dimension] = ()) -> Iterator[Group]:
    """The sums of each day. Of what may be as many as there are resources, a month is held at a time.

    At most seven queries, by resource or several tags for each month.
    """
    is_fine = any(one.kind == RESOURCE for one in by) or sum(one.kind == TAG for one in by) > 1
    spans = [question.span.within(month) for month in question.span.months] if is_fine else [question.span]
    for span in spans:
        yield from groups(question.on(span), by, per_day=True)


def _asks_charge_type(question: Question, by: Sequence[Dimension]) -> bool:
    return question.narrowed.charge_type is not None or any(one.kind == "charge_type" for one in by)


# --- daily_costs: what every row tells ---


def _by_day(question: Question, by: Sequence[Dimension], *, per_day: bool) -> list[Group]:
    rows = _narrowed(DailyCost, question)
    return _summed(rows, [_column(one) for one in by], [_native] * len(by), per_day=per_day)


def _narrowed(model: Any, question: Question, *, columns: Mapping[str, Words] | None = None) -> QuerySet[Any]:
    """The rows of a question in one of the tables, narrowed by `columns` (all that the question has, if not given)."""
    rows = model.objects.for_tenants(question.tenants).of_metric(question.metric)
    rows = rows.between(question.first, question.last)
    if question.tenants is None and current_scope().is_every_tenant:
        rows = rows.filter(tenant__in=Tenant.objects.values("id"))  # narrows nothing, but indexes begin with it
    if question.narrowed.subscription:
        rows = question.narrowed.subscription.narrow(rows, "subscription__subscription_id")
    for column, words in (question.narrowed.columns if columns is None else columns).items():
        rows = words.narrow(rows, column)
    found: QuerySet[Any] = rows
    return found


def _column(dimension: Dimension) -> str:
    return NATIVE.get(dimension.kind, dimension.kind)


def _native(value: Any) -> Key:
    return NONE if value == "" else Key(Kind.VALUE, value)


def _summed(
    rows: QuerySet[Any], columns: Sequence[str], key_of: Sequence[Callable[[Any], Key]], *, per_day: bool
) -> list[Group]:
    """The rows summed by these columns, whose values `key_of` reads; equal keys are added up. One query."""
    days = ("day",) if per_day else ()
    wanted = dict.fromkeys([*columns, "currency", *days])  # once each
    place = {name: number for number, name in enumerate(wanted)}
    found: dict[Place, Decimal] = defaultdict(Decimal)
    for row in rows.order_by().values_list(*wanted).annotate(amount=Sum("amount")):
        keys = tuple(read(row[place[name]]) for name, read in zip(columns, key_of, strict=True))
        found[keys, row[place["currency"]], row[place["day"]] if per_day else None] += row[-1]
    return [Group(*key, amount) for key, amount in found.items()]


def _less(whole: Iterable[Group], parts: Iterable[Group]) -> list[Group]:
    """What of the whole is in no part, by the same keys; nothing where nothing is left."""
    left: dict[Place, Decimal] = defaultdict(Decimal)
    for group in whole:
        left[group.keys, group.currency, group.day] += group.amount
    for group in parts:
        left[group.keys, group.currency, group.day] -= group.amount
    return [Group(*key, amount) for key, amount in left.items() if amount]


def _without_resources(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the rows whose slice names no resources and no tags."""
    same = {name: OuterRef(name) for name in ("tenant", "month", "subscription", "metric")}
    found: QuerySet[Any] = rows.filter(Exists(CostSlice.objects.filter(has_resources=False, **same)))
    return found


def _with(groups_: Iterable[Group], by: Sequence[Dimension], own: Callable[[Dimension], bool], key: Key) -> list[Group]:
    """Groups by the dimensions that are not `own`, told by all of them: the own ones have this key."""
    found = []
    for keys, currency, day, amount in groups_:
        others = iter(keys)
        found.append(Group(tuple(key if own(one) else next(others) for one in by), currency, day, amount))
    return found


# --- daily_tag_costs: one tag ---


def _by_tag(question: Question, by: Sequence[Dimension], tag: str, *, per_day: bool) -> list[Group]:
    """With a condition on the tag: what has it. Else cut by it: its values, what lacks it, what is not told."""
    condition = question.narrowed.tag
    rows = _narrowed(DailyTagCost, question).filter(name=tag)
    if condition and condition.value is not None:
        rows = rows.filter(value=condition.value)
    columns = ["value" if one.kind == TAG else _column(one) for one in by]
    readers = [_value if one.kind == TAG else _native for one in by]
    tagged = _summed(rows, columns, readers, per_day=per_day)
    if condition:
        return tagged
    others = [one for one in by if one.kind != TAG]
    columns, readers = [_column(one) for one in others], [_native] * len(others)
    every = _narrowed(DailyCost, question)
    whole = _summed(every, columns, readers, per_day=per_day)
    poor = _summed(_without_resources(every), columns, readers, per_day=per_day)
    untold = _less(poor, _summed(_without_resources(rows), columns, readers, per_day=per_day))
    has_it = _summed(rows, columns, readers, per_day=per_day)
    untagged = _less(whole, [*untold, *has_it])
    return [*tagged, *_with(untagged, by, _is_tag, NONE), *_with(untold, by, _is_tag, UNTOLD)]


def _value(value: Any) -> Key:
    """A tag's value may be empty, and is one."""
    return Key(Kind.VALUE, value)


def _is_tag(dimension: Dimension) -> bool:
    return dimension.kind == TAG


# --- daily_resource_costs: resources, and tags with other tags or resources ---


def _by_resource(question: Question, by: Sequence[Dimension], *, per_day: bool) -> list[Group]:
    """By resource or several tags. A resource's group and region are its own, whatever its rows say of theirs."""
    columns = ["tag_set" if one.kind == TAG else _resource_column(one) for one in by]
    readers = [_reader(question, one) for one in by]
    told = _summed(_resource_rows(question), columns, readers, per_day=per_day)
    if question.narrowed.tag or question.narrowed.resource is not None:
        return told
    others = [one for one in by if not _is_untold(one)]
    natives = [_column(one) for one in others], [_native] * len(others)
    every = _narrowed(DailyCost, question)
    untold = _with(_summed(_without_resources(every), *natives, per_day=per_day), by, _is_untold, UNTOLD)
    found = [*told, *untold]
    return [*found, *_rest(question, by, found, per_day=per_day)] if question.narrowed.columns else found


def _rest(question: Question, by: Sequence[Dimension], found: Iterable[Group], *, per_day: bool) -> list[Group]:
    """What rows in this group or region cost beyond the resources in it: charges of none, or told of another place."""
    whole = _summed(_narrowed(DailyCost, question), [], [], per_day=per_day)
    left = _less(whole, [Group((), one.currency, one.day, one.amount) for one in found])
    return [Group(tuple(UNTOLD for _ in by), one.currency, one.day, one.amount) for one in left]


def _is_untold(dimension: Dimension) -> bool:
    """Whether a slice that names no resources does not tell it."""
    return dimension.kind in {TAG, RESOURCE}


def _resource_column(dimension: Dimension) -> str:
    return "azure_id_hash" if dimension.kind in {RESOURCE, *OF_RESOURCE} else _column(dimension)


def _resource_rows(question: Question) -> QuerySet[Any]:
    narrowed, columns = question.narrowed, question.narrowed.columns
    rows = _narrowed(
        DailyResourceCost, question, columns={name: columns[name] for name in columns if name == "service"}
    )
    there = CostedResource.objects.for_tenants(question.tenants)
    for name in sorted(OF_RESOURCE & columns.keys()):
        rows = rows.filter(azure_id_hash__in=columns[name].narrow(there, name).values("azure_id_hash"))
    if narrowed.resource is not None:
        rows = rows.filter(azure_id_hash=narrowed.resource)
    return carrying(rows, question) if narrowed.tag else rows


def carrying(rows: QuerySet[Any], question: Question) -> QuerySet[Any]:
    """Those of the rows, which know their set of tags, that fulfil the question's condition on a tag."""
    condition = question.narrowed.tag
    if condition is None:
        return rows
    sets = CostTag.objects.for_tenants(question.tenants).filter(key=condition.name)
    if condition.value is not None:
        sets = sets.filter(value=condition.value)
    keys = sets.values("tag_set")
    return rows.exclude(tag_set__in=keys) if condition.unwanted else rows.filter(tag_set__in=keys)


def _reader(question: Question, dimension: Dimension) -> Callable[[Any], Key]:
    """What a column's value says of the dimension; for tags, groups and regions by a look-up of one query."""
    if dimension.kind == TAG:
        sets = CostTag.objects.for_tenants(question.tenants).filter(key=dimension.tag)
        values = dict(sets.values_list("tag_set", "value"))
        return lambda tag_set: Key(Kind.VALUE, values[tag_set]) if tag_set in values else NONE
    if dimension.kind in OF_RESOURCE:
        there = CostedResource.objects.for_tenants(question.tenants).values_list("azure_id_hash", dimension.kind)
        places = dict(there)
        return lambda azure_id_hash: _native(places.get(azure_id_hash, ""))
    return _native
