"""A slot is one resource through time: born, changed, gone, perhaps back again. Its links make references true."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from governance.azure.simulator.chance import dice, digest, guid

if TYPE_CHECKING:
    import random

    from governance.azure.simulator.resources import Resource

Json = dict[str, Any]
NEIGHBOURS = ("vnet", "log", "vm")  # what later resources of a group refer to
OLDEST_DAYS = 700  # before day zero


@dataclass(frozen=True)
class Shape:
    """What a resource type adds to the fields that every resource has."""

    properties: Json
    sku: Json | None = None
    kind: str = ""
    zones: list[str] | None = None
    identity: Json | None = None
    managed_by: str = ""


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource. ``sizes`` are what a resize goes through; ``setting`` is the property that people change."""

    key: str
    name: str
    shape: "Callable[[Slot, random.Random], Shape]"
    sizes: tuple[str, ...] = ()
    setting: tuple[str, tuple[Any, ...]] | None = None
    has_plain_name: bool = False
    is_global: bool = False


@dataclass(eq=False)
class Group:
    """A resource group: one workload in one environment and region."""

    subscription_id: str
    name: str
    region: str
    environment: str
    stem: str
    number: int
    ordinals: dict[str, int] = field(default_factory=dict)
    newest: "dict[str, Slot]" = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"

    def neighbours(self) -> "tuple[Slot, ...]":
        return tuple(self.newest[key] for key in NEIGHBOURS if key in self.newest)

    def next_ordinal(self, key: str) -> int:
        self.ordinals[key] = self.ordinals.get(key, 0) + 1
        return self.ordinals[key]


@dataclass(eq=False, slots=True)
class Slot:
    key: str
    number: int
    type: ResourceType
    name: str
    group: Group
    born: int
    parent: "Slot | None" = None
    neighbours: "tuple[Slot, ...]" = ()
    links: "list[Slot]" = field(default_factory=list)
    is_present: bool = True
    came_or_went: "list[int]" = field(default_factory=list)  # the days, in turn: went, came back, went ...
    retagged: "list[int]" = field(default_factory=list)  # days
    resized: "list[int]" = field(default_factory=list)
    setting_turns: int = 0
    touched: int = 0
    rendered: "Resource | None" = None

    @property
    def is_alive(self) -> bool:
        return self.is_present and (self.parent is None or self.parent.is_alive)

    @property
    def created(self) -> int:
        """Its first day; before day zero for what was there when the world began."""
        return self.born or -1 - int.from_bytes(digest(self.key, "age")[:4], "big") % OLDEST_DAYS

    @property
    def tag_turns(self) -> int:
        return len(self.retagged)

    @property
    def size_turns(self) -> int:
        return len(self.resized)

    def was_alive(self, day: int) -> bool:
        """At the end of a day up to the estate's own."""
        if bisect_right(self.came_or_went, day) % 2 or day < self.created:
            return False
        return self.parent is None or self.parent.was_alive(day)

    @property
    def id(self) -> str:
        """The resource ID in the case in which it was created."""
        if self.parent:
            return f"{self.parent.id}/{self.type.name.rsplit('/', 1)[1]}/{self.name}"
        return f"{self.group.id}/providers/{self.type.name}/{self.name}"

    def linked(self, *keys: str) -> "list[Slot]":
        """Live slots of these types that this one is tied to."""
        return [other for other in self.links if other.type.key in keys and other.is_alive]

    def neighbour(self, key: str) -> "Slot | None":
        """The network, workspace or machine that its group had when it was created; it may be gone by now."""
        return next((other for other in self.neighbours if other.type.key == key), None)

    def size(self) -> str:
        start = self.number % len(self.type.sizes)
        return self.type.sizes[(start + self.size_turns) % len(self.type.sizes)]

    def roll(self) -> "random.Random":
        return dice(self.key)

    def guid(self, *words: object) -> str:
        return guid(self.key, *words)

    def tie(self, other: "Slot") -> None:
        self.links.append(other)
        other.links.append(self)
