"""Cost Management's query: sums of the ledger by up to two groupings, in pages whose next link wants POST.

https://learn.microsoft.com/rest/api/cost-management/query/usage
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.chance import dice, guid
from governance.azure.simulator.charges import Charge, Item, amount_text, next_month, quantity_text
from governance.azure.simulator.cost_filters import DIMENSIONS, accepts, tag_value
from governance.azure.simulator.cost_quota import CostQuota
from governance.azure.simulator.cost_reports import not_offered
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.pages import Page, Pages, Row, next_link
from governance.azure.simulator.world import Subscription, World

METRICS = {"actualcost": "actual", "amortizedcost": "amortized", "usage": "actual"}
AGGREGATES = {"cost": "Cost", "pretaxcost": "PreTaxCost", "usagequantity": "UsageQuantity"}
GRANULARITIES = ("none", "daily", "monthly")
MOST_GROUPINGS = 2
KEPT_ANSWERS = 8
LONGEST_DAYS = 366
TAG_TYPES = ("tagkey", "tag")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A query's body, checked."""

    metric: str
    first: date
    last: date
    granularity: str
    groupings: tuple[tuple[str, str], ...]  # (dimension or tag, name as asked)
    aggregates: tuple[str, ...]
    accepts: Callable[[Item], bool]

    @property
    def months(self) -> list[date]:
        found = [self.first.replace(day=1)]
        while next_month(found[-1]) <= self.last:
            found.append(next_month(found[-1]))
        return found


class CostQuery:
    def __init__(self, world: World, access: Access, pages: Pages, quota: CostQuota, settings: CostSettings) -> None:
        self._world = world
        self._access = access
        self._pages = pages
        self._quota = quota
        self._settings = settings
        self._answers: dict[tuple[str, date, int], list[Row]] = {}
        self._lock = threading.Lock()

    def of_subscription(self, request: Request, subscription_id: str) -> Response:
        return self._answer(request, subscription_id, "")

    def of_group(self, request: Request, subscription_id: str, group: str) -> Response:
        return self._answer(request, subscription_id, group)

    def _answer(self, request: Request, subscription_id: str, group: str) -> Response:
        tenant = self._access.caller(request)
        require_api_version(request)
        subscription = self._access.subscription(request, tenant, subscription_id)
        if not subscription.billing.has_queries:
            raise not_offered(subscription)
        question = question_in(request.json(), self._world.today)
        headers = self._quota.spend(
            tenant.tenant_id, units=len(question.months), client_type=request.headers.get("clienttype", "")
        )
        bound_to = f"{tenant.tenant_id} {request.path} {_fingerprint(request.json())}"
        rows = self._rows_once(bound_to, subscription, question, group)
        token = request.query.get("$skiptoken")
        start = self._pages.offset(token, bound_to=bound_to)
        taken = rows[start : start + self._settings.page_rows]
        page = self._pages.page(taken, offset=start, total=len(rows), bound_to=bound_to, came_with=token)
        page = self._pages.spoil(page, request)
        if not rows and not page.next_token:
            return Response(204, b"", headers)
        names = list((page.rows or rows)[0]) if rows else []
        return json_response(self._payload(request, subscription, page, names), headers=headers)

    def _payload(self, request: Request, subscription: Subscription, page: Page, names: Sequence[str]) -> Any:
        """The cost stands first; the order of the other columns is not the same on every page."""
        rest = list(names[1:])
        dice(self._world.seed, subscription.subscription_id, request.body, request.raw_query).shuffle(rest)
        columns = [*names[:1], *rest]
        name = guid(self._world.seed, subscription.subscription_id, request.body)
        scope = request.shown_path.strip("/").rsplit("/", 1)[0]
        return {
            "id": f"{scope}/query/{name}",
            "name": name,
            "type": "Microsoft.CostManagement/query",
            "location": None,
            "sku": None,
            "eTag": None,
            "properties": {
                "nextLink": next_link(request, page),
                "columns": [{"name": column, "type": _column_type(column)} for column in columns],
                "rows": [[row[column] for column in columns if column in row] for row in page.rows],
            },
        }

    def _rows_once(self, about: str, subscription: Subscription, question: Question, group: str) -> list[Row]:
        """The pages of one answer are cut from one list, as long as nothing has changed."""
        key = (about, self._world.today, self._world.costs.version)
        with self._lock:
            if key not in self._answers:
                while len(self._answers) >= KEPT_ANSWERS:
                    del self._answers[next(iter(self._answers))]
                self._answers[key] = self._rows(subscription, question, group)
            return self._answers[key]

    def _rows(self, subscription: Subscription, question: Question, group: str) -> list[Row]:
        sums: dict[Key, list[int]] = {}
        keys: dict[int, Key | None] = {}
        for month in question.months:
            for charge in self._world.costs.rows(subscription, month, question.metric):
                if not question.first <= charge.day <= question.last:
                    continue
                about = id(charge.item)  # rows of one item share it
                if about not in keys:
                    keys[about] = _key(charge.item, question, group, subscription)
                key = keys[about]
                if key is not None:
                    _add(sums, (_period(charge.day, question.granularity), *key), charge, question.metric)
        return [_row(question, key, amounts) for key, amounts in sorted(sums.items())]


def question_in(body: Mapping[str, Any], today: date) -> Question:
    metric = METRICS.get(str(body.get("type", "")).lower())
    if metric is None:
        raise _bad(f"Invalid query definition: type '{body.get('type')}' is not supported.")
    dataset = body.get("dataset") or {}
    granularity = str(dataset.get("granularity") or "None").lower()
    if granularity not in GRANULARITIES:
        raise _bad(f"Invalid query definition: granularity '{dataset.get('granularity')}' is not supported.")
    first, last = _period_in(body, today)
    return Question(
        metric=metric,
        first=first,
        last=last,
        granularity=granularity,
        groupings=_groupings(dataset.get("grouping") or []),
        aggregates=_aggregates(dataset.get("aggregation") or {}),
        accepts=accepts(dataset.get("filter")),
    )


def _period_in(body: Mapping[str, Any], today: date) -> tuple[date, date]:
    this_month = today.replace(day=1)
    last_day = this_month - timedelta(days=1)
    frames = {
        "monthtodate": (this_month, today),
        "billingmonthtodate": (this_month, today),
        "thecurrentmonth": (this_month, next_month(today) - timedelta(days=1)),
        "thelastmonth": (last_day.replace(day=1), last_day),
        "thelastbillingmonth": (last_day.replace(day=1), last_day),
        "weektodate": (today - timedelta(days=(today.weekday() + 1) % 7), today),
    }
    frame = str(body.get("timeframe", "")).lower()
    if frame in frames:
        return frames[frame]
    if frame != "custom":
        raise _bad(f"Invalid query definition: timeframe '{body.get('timeframe')}' is not supported.")
    period = body.get("timePeriod") or {}
    try:
        first, last = (date.fromisoformat(str(period[end])[:10]) for end in ("from", "to"))
    except (KeyError, ValueError) as error:
        raise _bad("Invalid query definition: Missing or invalid time period for the Custom timeframe.") from error
    if first > last:
        raise _bad("Invalid query definition: The start of the time period lies after its end.")
    if (last - first).days > LONGEST_DAYS:
        raise _bad("Invalid query definition: The time period for pulling the data cannot exceed 1 year.")
    return first, last


def _groupings(wanted: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    if len(wanted) > MOST_GROUPINGS:
        raise _bad(f"Invalid query definition: no more than {MOST_GROUPINGS} groupings are allowed.")
    found = []
    for grouping in wanted:
        kind, name = str(grouping.get("type", "Dimension")).lower(), str(grouping.get("name", ""))
        is_tag = kind in TAG_TYPES
        if not is_tag and (kind != "dimension" or name.lower() not in DIMENSIONS):
            raise _bad(f"Invalid query definition: the grouping '{name}' is not supported.")
        found.append(("tag" if is_tag else "dimension", name))
    if sum(kind == "tag" for kind, _ in found) > 1:
        raise _bad("Invalid query definition: only one tag can be grouped by.")
    return tuple(found)


def _aggregates(wanted: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    found = []
    for aggregate in wanted.values():
        name = AGGREGATES.get(str(aggregate.get("name", "")).lower())
        if name is None or str(aggregate.get("function", "")).lower() != "sum":
            raise _bad(f"Invalid query definition: the aggregation of '{aggregate.get('name')}' is not supported.")
        found.append(name)
    if len(set(found)) != len(found):
        raise _bad("Invalid query definition: a column is aggregated twice.")
    return tuple(found) or ("PreTaxCost",)


def _fingerprint(body: Mapping[str, Any]) -> str:
    """However the same body is written."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def _key(item: Item, question: Question, group: str, subscription: Subscription) -> Key | None:
    """What the row is summed under, the currency last; ``None``: it was not asked for."""
    if group and item.resource_group.lower() != group:
        return None
    if not question.accepts(item):
        return None
    values = (
        tag_value(item, name) if kind == "tag" else DIMENSIONS[name.lower()](item, subscription)
        for kind, name in question.groupings
    )
    return (*values, item.currency)


def _period(day: date, granularity: str) -> str:
    return {"daily": day, "monthly": day.replace(day=1)}[granularity].isoformat() if granularity != "none" else ""


def _add(sums: dict[Key, list[int]], key: Key, charge: Charge, metric: str) -> None:
    held = sums.setdefault(key, [0, 0])
    held[0] += charge.billed if metric == "actual" else charge.effective
    held[1] += charge.quantity


def _row(question: Question, key: Key, amounts: Sequence[int]) -> Row:
    """By column, aggregates first; amounts with all their places."""
    row: Row = {
        name: number(quantity_text(amounts[1]) if name == "UsageQuantity" else amount_text(amounts[0]))
        for name in question.aggregates
    }
    if question.granularity == "daily":
        row["UsageDate"] = int(key[0].replace("-", ""))
    elif question.granularity == "monthly":
        row["BillingMonth"] = f"{key[0]}T00:00:00"
    for (kind, name), value in zip(question.groupings, key[1:-1], strict=True):
        if kind == "tag":
            row |= {"TagKey": name, "TagValue": value}
        else:
            row[name] = value
    return {**row, "Currency": key[-1]}


def number(text: str) -> orjson.Fragment:
    """A JSON number with all its digits: a float would lose the last ones."""
    return orjson.Fragment(text.encode())


def _column_type(name: str) -> str:
    if name == "BillingMonth":
        return "Datetime"
    return "Number" if name in ("UsageDate", *AGGREGATES.values()) else "String"
