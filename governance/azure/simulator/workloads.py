"""What is deployed together: a machine with its disk and interface, a web app with its plan, a lone leftover."""

import random
from collections.abc import Callable
from typing import Protocol

from governance.azure.simulator.slots import Group, Slot


class Planter(Protocol):
    """Puts one new resource of a type into the group, tied to others."""

    def __call__(self, group: Group, key: str, *ties: Slot, parent: Slot | None = None) -> Slot: ...


Workload = Callable[[Planter, Group, random.Random], None]


def network(plant: Planter, group: Group, roll: random.Random) -> None:
    wide = plant(group, "vnet")
    plant(group, "nsg", wide)
    if roll.random() < 0.4:
        plant(group, "rt", wide)
    if roll.random() < 0.3:
        plant(group, "pip", plant(group, "ng", wide))


def virtual_machine(plant: Planter, group: Group, roll: random.Random) -> None:
    machine = plant(group, "vm")
    disk = plant(group, "disk", machine)
    interface = plant(group, "nic", machine)
    if roll.random() < 0.3:
        plant(group, "pip", interface)
    if roll.random() < 0.3:
        plant(group, "disk", machine)
    if roll.random() < 0.2:
        plant(group, "snap", disk)


def balanced_machines(plant: Planter, group: Group, _roll: random.Random) -> None:
    machines = [plant(group, "vm"), plant(group, "vm")]
    for machine in machines:
        plant(group, "disk", machine)
        plant(group, "nic", machine)
    plant(group, "avail", *machines)
    plant(group, "pip", plant(group, "lbe", *machines))


def web_site(plant: Planter, group: Group, roll: random.Random) -> None:
    plan = plant(group, "asp")
    plant(group, "app", plan)
    if "log" not in group.newest:
        plant(group, "log")
    plant(group, "appi")
    if roll.random() < 0.4:
        plant(group, "func", plan)
    plant(group, "kv")


def database(plant: Planter, group: Group, roll: random.Random) -> None:
    server = plant(group, "sql")
    for _ in range(roll.randint(1, 3)):
        plant(group, "sqldb", parent=server)


def store_behind_endpoint(plant: Planter, group: Group, _roll: random.Random) -> None:
    endpoint = plant(group, "pep", plant(group, "st"))
    plant(group, "nic", endpoint)
    plant(group, "pdnsz")


def containers(plant: Planter, group: Group, roll: random.Random) -> None:
    plant(group, "aks")
    plant(group, "cr")
    plant(group, "id")
    plant(group, roll.choice(("ci", "ca", "vmss")))


def edge(plant: Planter, group: Group, roll: random.Random) -> None:
    plant(group, "pip", plant(group, roll.choice(("agw", "afw", "bas", "vgw"))))


def alerting(plant: Planter, group: Group, roll: random.Random) -> None:
    receivers = plant(group, "ag")
    for _ in range(roll.randint(1, 2)):
        plant(group, "ar", receivers)


def single_service(plant: Planter, group: Group, roll: random.Random) -> None:
    plant(group, roll.choice(SINGLE_SERVICES))


def leftover(plant: Planter, group: Group, roll: random.Random) -> None:
    plant(group, roll.choice(LEFTOVERS))


def every_leftover(plant: Planter, group: Group, _roll: random.Random) -> None:
    for key in LEFTOVERS:
        plant(group, key)


LEFTOVERS = ("disk", "nic", "pip", "snap", "asp", "lbe", "nsg")
SINGLE_SERVICES = (
    "st",
    "cosmos",
    "redis",
    "sbns",
    "evhns",
    "apim",
    "dnsz",
    "aa",
    "rsv",
    "adf",
    "logic",
    "ca",
    "oai",
    "it",
    "id",
)
OPENING: tuple[Workload, ...] = (network, virtual_machine, web_site, every_leftover)
WORKLOADS: tuple[Workload, ...] = (
    virtual_machine,
    balanced_machines,
    web_site,
    database,
    store_behind_endpoint,
    containers,
    edge,
    alerting,
    single_service,
    leftover,
)
WEIGHTS = (28, 6, 14, 10, 10, 6, 4, 6, 18, 5)
