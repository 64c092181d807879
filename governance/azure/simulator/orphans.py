"""Which live resources nothing uses any more, and why. Judged from the links, not from the properties they print."""

from governance.azure.simulator.network_types import ADDRESS_USERS
from governance.azure.simulator.slots import Slot

USERS = {
    "disk": (("vm",), "attached to no virtual machine"),
    "nic": (("vm", "pep"), "attached to no virtual machine and no private endpoint"),
    "pip": (ADDRESS_USERS, "bound to no IP configuration and no NAT gateway"),
    "nsg": (("vnet", "nic"), "guards no subnet and no network interface"),
    "lbe": (("vm",), "has no backend pool"),
    "asp": (("app", "func"), "runs no site"),
    "snap": (("disk",), "its source disk is gone"),
    "rt": (("vnet",), "no subnet uses it"),
    "ng": (("vnet",), "no subnet uses it"),
    "avail": (("vm",), "holds no virtual machine"),
    "pep": (("st", "kv", "sql"), "what it led to is gone"),
}
EMPTY_GROUP = "holds no resources"


def orphan_reason(slot: Slot) -> str | None:
    """``None`` for a resource in use, or of a type that needs no user."""
    if slot.type.key not in USERS:
        return None
    users, reason = USERS[slot.type.key]
    return None if slot.linked(*users) else reason
