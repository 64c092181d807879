"""A resource as it stands on one day, with every field that Resource Graph and Resource Manager show."""

import datetime
from dataclasses import dataclass

from governance.azure.simulator.names import GLOBAL
from governance.azure.simulator.orphans import orphan_reason
from governance.azure.simulator.slots import Group, Json, Slot
from governance.azure.simulator.tags import tags_of

DAY_ZERO = datetime.date(2026, 1, 1)  # unless a world says otherwise
HOUR = datetime.time(6, 0, tzinfo=datetime.UTC)  # at which everything happens
ODD_CASE_EVERY = 11
FLICKERING_EVERY = 29
GROUP_TYPE = "Microsoft.Resources/subscriptions/resourceGroups"


@dataclass(frozen=True, slots=True)
class Resource:
    """``type`` and ``resource_group`` in the case of Resource Manager; Resource Graph lower-cases both."""

    id: str
    name: str
    type: str
    kind: str
    location: str
    resource_group: str
    subscription_id: str
    tenant_id: str
    tags: dict[str, str] | None
    sku: Json | None
    managed_by: str
    zones: list[str] | None
    identity: Json | None
    properties: Json
    created_time: str
    changed_time: str
    orphan_reason: str | None

    @property
    def key(self) -> str:
        """The lower-cased ID: two IDs that differ in case only are one resource."""
        return self.id.lower()


def flickers(slot: Slot) -> bool:
    """Whether the letter case of the ID changes from day to day, as users of Azure report."""
    return slot.number % FLICKERING_EVERY == 7


def render(slot: Slot, *, tenant_id: str, day: int, day_zero: datetime.date = DAY_ZERO) -> Resource:
    shape = slot.type.shape(slot, slot.roll())
    properties = shape.properties
    if slot.type.setting:
        name, values = slot.type.setting
        properties[name] = values[(slot.number + slot.setting_turns) % len(values)]
    return Resource(
        id=_shown_id(slot, day),
        name=slot.name,
        type=slot.type.name,
        kind=shape.kind,
        location=GLOBAL if slot.type.is_global else slot.group.region,
        resource_group=slot.group.name,
        subscription_id=slot.group.subscription_id,
        tenant_id=tenant_id,
        tags=tags_of(slot.key, slot.group.environment, slot.number, turns=slot.tag_turns) or _no_tags(slot),
        sku=shape.sku,
        managed_by=shape.managed_by,
        zones=shape.zones,
        identity=shape.identity,
        properties=properties,
        created_time=_timestamp(slot.created, day_zero),
        changed_time=_timestamp(slot.touched or slot.created, day_zero),
        orphan_reason=orphan_reason(slot),
    )


def render_group(group: Group, *, tenant_id: str, reason: str | None, day_zero: datetime.date = DAY_ZERO) -> Resource:
    """A resource group as a row of ``resourcecontainers``."""
    return Resource(
        id=group.id,
        name=group.name,
        type=GROUP_TYPE,
        kind="",
        location=group.region,
        resource_group=group.name,
        subscription_id=group.subscription_id,
        tenant_id=tenant_id,
        tags=tags_of(group.id, group.environment, group.number, turns=0) or None,
        sku=None,
        managed_by="",
        zones=None,
        identity=None,
        properties={"provisioningState": "Succeeded"},
        created_time=_timestamp(0, day_zero),
        changed_time=_timestamp(0, day_zero),
        orphan_reason=reason,
    )


def _shown_id(slot: Slot, day: int) -> str:
    if flickers(slot) and day % 2:
        return slot.id.upper()
    if slot.number % ODD_CASE_EVERY == 3:
        return slot.id.replace("/resourceGroups/", "/resourcegroups/").replace(slot.group.name, slot.group.name.upper())
    return slot.id


def _no_tags(slot: Slot) -> dict[str, str] | None:
    """Resource Graph says null for some untagged resources and an empty object for others."""
    return {} if slot.number % 2 else None


def _timestamp(day: int, day_zero: datetime.date) -> str:
    moment = datetime.datetime.combine(day_zero + datetime.timedelta(days=day), HOUR)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
