"""All resources of one tenant through time: planned on day zero, then changed, removed and born day by day."""

import random
from collections.abc import Sequence
from datetime import date

from governance.azure.simulator import names
from governance.azure.simulator.chance import dice, digest
from governance.azure.simulator.resource_types import RESOURCE_TYPES
from governance.azure.simulator.resources import DAY_ZERO, Resource, flickers, render
from governance.azure.simulator.slots import Group, Slot
from governance.azure.simulator.workloads import OPENING, WEIGHTS, WORKLOADS, Workload

CHANGED_SHARE = 0.02  # of the live resources, each day
GONE_SHARE = 0.01
BORN_SHARE = 0.01  # of the resources of day zero
RETURNING_SHARE = 0.3  # of those that go
SHORTEST_ABSENCE_DAYS = 2
LONGEST_ABSENCE_DAYS = 9
SMALLEST_GROUP = 6
LARGEST_GROUP = 24


class Estate:
    """Moves forward in days only; an earlier day needs a new estate."""

    def __init__(
        self, seed: str, *, tenant_id: str, subscription_ids: Sequence[str], count: int, day_zero: date = DAY_ZERO
    ) -> None:
        self.seed = seed
        self.day_zero = day_zero
        self.tenant_id = tenant_id
        self.count = count
        self.day = 0
        self.slots: list[Slot] = []
        self.groups: list[Group] = []
        self._returns: dict[int, list[Slot]] = {}
        for number, subscription_id in enumerate(subscription_ids):
            share = count * (number + 1) // len(subscription_ids) - count * number // len(subscription_ids)
            self._settle(subscription_id, share, is_first=number == 0)

    def advance_to(self, day: int) -> None:
        while self.day < day:
            self.day += 1
            self._live_a_day()

    def resources(self) -> list[Resource]:
        """Live resources by lower-cased ID. Only those that changed since the last call are shaped anew."""
        found = [self._rendered(slot) for slot in self.slots if slot.is_alive]
        return sorted(found, key=lambda resource: resource.key)

    def _rendered(self, slot: Slot) -> Resource:
        if slot.rendered is None or flickers(slot):
            slot.rendered = render(slot, tenant_id=self.tenant_id, day=self.day, day_zero=self.day_zero)
        return slot.rendered

    # Day zero

    def _settle(self, subscription_id: str, count: int, *, is_first: bool) -> None:
        """Exactly ``count`` resources, and one group that holds none."""
        self._open_group(subscription_id, dice(self.seed, subscription_id, "empty group"))
        goal = len(self.slots) + count
        opening = list(OPENING) if is_first else []
        while len(self.slots) < goal:
            roll = dice(self.seed, subscription_id, "group", len(self.groups))
            self._fill_group(self._open_group(subscription_id, roll), roll, goal, opening)

    def _fill_group(self, group: Group, roll: random.Random, goal: int, opening: list[Workload]) -> None:
        full = min(goal, len(self.slots) + roll.randint(SMALLEST_GROUP, LARGEST_GROUP))
        while len(self.slots) < full:
            workload = opening.pop(0) if opening else roll.choices(WORKLOADS, WEIGHTS)[0]
            workload(self._plant, group, roll)
        while len(self.slots) > goal:
            self._uproot(self.slots.pop())

    def _open_group(self, subscription_id: str, roll: random.Random) -> Group:
        workload, environment = roll.choice(names.WORKLOADS), roll.choice(names.ENVIRONMENTS)
        region = roll.choice(list(names.REGIONS))
        number = len(self.groups)
        group = Group(
            subscription_id=subscription_id,
            name=f"rg-{workload}-{environment}-{number:03d}",
            region=region,
            environment=environment,
            stem=f"{workload}-{environment}-{names.REGIONS[region]}",
            number=number,
        )
        self.groups.append(group)
        return group

    def _plant(self, group: Group, key: str, *ties: Slot, parent: Slot | None = None) -> Slot:
        number = len(self.slots)
        kind = RESOURCE_TYPES[key]
        ordinal = group.next_ordinal(key)
        mark = digest(self.seed, self.tenant_id, number).hex()[:3]
        name = (
            names.plain_name(key, group.stem, ordinal, mark)
            if kind.has_plain_name
            else names.dashed_name(key, group.stem, ordinal)
        )
        seed = f"{self.seed}/{self.tenant_id}/{number}"
        slot = Slot(seed, number, kind, name, group, born=self.day, parent=parent, neighbours=group.neighbours())
        for other in ties:
            slot.tie(other)
            other.rendered = None
        group.newest[key] = slot
        self.slots.append(slot)
        return slot

    def _uproot(self, slot: Slot) -> None:
        """Takes back a resource that would be one too many."""
        for other in slot.links:
            other.links.remove(slot)
        if slot.group.newest.get(slot.type.key) is slot:
            del slot.group.newest[slot.type.key]

    # Every later day

    def _live_a_day(self) -> None:
        if not self.count:
            return
        roll = dice(self.seed, self.tenant_id, "day", self.day)
        for slot in self._returns.pop(self.day, []):
            self._set_present(slot, is_present=True)
        live = [slot for slot in self.slots if slot.is_alive]
        for slot in roll.sample(live, _portion(live, CHANGED_SHARE)):
            self._change(slot, roll)
        for slot in roll.sample(live, _portion(live, GONE_SHARE)):
            self._remove(slot, roll)
        self._bear(roll)

    def _change(self, slot: Slot, roll: random.Random) -> None:
        turn = roll.choice(("tags", "size", "setting"))
        if turn == "size" and len(slot.type.sizes) > 1:
            slot.resized.append(self.day)
        elif turn == "setting" and slot.type.setting:
            slot.setting_turns += 1
        else:
            slot.retagged.append(self.day)
        self._touch(slot)

    def _remove(self, slot: Slot, roll: random.Random) -> None:
        self._set_present(slot, is_present=False)
        if roll.random() < RETURNING_SHARE:
            day = self.day + roll.randint(SHORTEST_ABSENCE_DAYS, LONGEST_ABSENCE_DAYS)
            self._returns.setdefault(day, []).append(slot)

    def _bear(self, roll: random.Random) -> None:
        goal = len(self.slots) + max(1, round(self.count * BORN_SHARE))
        while len(self.slots) < goal:
            group = roll.choice(self.groups)
            self._fill_group(group, roll, goal, [])

    def _set_present(self, slot: Slot, *, is_present: bool) -> None:
        slot.is_present = is_present
        slot.came_or_went.append(self.day)
        self._touch(slot)

    def _touch(self, slot: Slot) -> None:
        """What refers to the resource must be shaped anew too, at both ends and one link further."""
        slot.touched = self.day
        slot.rendered = None
        for other in slot.links:
            other.rendered = None
            for further in other.links:
                further.rendered = None


def _portion(live: Sequence[Slot], share: float) -> int:
    """At least one, so that small worlds live too."""
    return min(len(live), max(1, round(len(live) * share)))
