"""What a cost query can group by and filter on: dimensions of a charge, and its tags."""

from collections.abc import Callable, Mapping
from typing import Any

from governance.azure.simulator.charges import Item
from governance.azure.simulator.exchange import Refusal
from governance.azure.simulator.world import Subscription

Dimension = Callable[[Item, Subscription], str]

# By name in lower case. IDs and groups are told in lower case here, unlike in reports: seen in recorded answers.
DIMENSIONS: Mapping[str, Dimension] = {
    "servicename": lambda item, _: item.service,
    "metercategory": lambda item, _: item.service,
    "metersubcategory": lambda item, _: item.subcategory,
    "meter": lambda item, _: item.meter,
    "servicefamily": lambda item, _: item.family,
    "resourcegroupname": lambda item, _: item.resource_group.lower(),
    "resourcegroup": lambda item, _: item.resource_group.lower(),
    "resourceid": lambda item, _: item.resource_id.lower(),
    "resourcetype": lambda item, _: item.resource_type.lower(),
    "resourcelocation": lambda item, _: item.region,
    "consumedservice": lambda item, _: item.provider,
    "chargetype": lambda item, _: item.charge_type,
    "pricingmodel": lambda item, _: item.pricing_model,
    "publishertype": lambda item, _: "Marketplace" if item.is_marketplace else "Azure",
    "benefitname": lambda item, _: item.benefit_name,
    "subscriptionid": lambda _, subscription: subscription.subscription_id,
    "subscriptionname": lambda _, subscription: subscription.display_name,
}
FILTERABLE = {name: value for name, value in DIMENSIONS.items() if not name.startswith("subscription")}
Test = Callable[[Item], bool]


def tag_value(item: Item, name: str) -> str:
    """Tag names have no case; empty for what lacks the tag."""
    wanted = name.lower()
    return next((value for key, value in (item.tags or {}).items() if key.lower() == wanted), "")


def accepts(expression: Any) -> Test:
    """The test that a query's ``filter`` makes; everything passes without one."""
    if not expression:
        return lambda _: True
    if not isinstance(expression, Mapping) or len(expression) != 1:
        raise _bad("exactly one of and, or, dimensions, tags is allowed")
    (word, inner), *_ = expression.items()
    if word in ("and", "or"):
        tests = [accepts(part) for part in inner]
        return (lambda item: all(test(item) for test in tests)) if word == "and" else _any(tests)
    if word not in ("dimensions", "tags", "dimension", "tag"):
        raise _bad(f"'{word}' is not supported")
    return _comparison(inner, is_tag=word.startswith("tag"))


def _any(tests: list[Test]) -> Test:
    return lambda item: any(test(item) for test in tests)


def _comparison(inner: Mapping[str, Any], *, is_tag: bool) -> Test:
    name, operator = str(inner.get("name", "")), str(inner.get("operator", ""))
    values = {str(value).lower() for value in inner.get("values", [])}
    if operator.lower() != "in":
        raise _bad(f"the operator '{operator}' is not supported")
    if is_tag:
        return lambda item: tag_value(item, name).lower() in values
    dimension = FILTERABLE.get(name.lower())
    if dimension is None:
        raise _bad(f"the dimension '{name}' is not supported")
    return lambda item: dimension(item, _NOBODY).lower() in values


_NOBODY = Subscription(subscription_id="", tenant_id="", display_name="", quota_id="")  # no filter asks for it


def _bad(reason: str) -> Refusal:
    return Refusal(400, "BadRequest", f"Invalid query definition: filter: {reason}.")
