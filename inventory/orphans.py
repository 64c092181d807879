"""Which resources nothing uses any more: one rule a type, judged from what Azure tells of the resource. Pure.

`unknown` is the answer whenever the property that decides is missing or of another shape: then nothing was looked at,
and nothing is called an orphan. Azure leaves out an empty reference; that counts as "refers to nothing" only where a
property that every whole answer has is there too.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]


class Verdict(StrEnum):
    """What a rule says about one resource."""

    ORPHANED = "orphaned"
    IN_USE = "in_use"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule may look at. `properties` is None while no source told them."""

    type: str
    name: str
    properties: Json | None
    managed_by: str = ""
    resource_group: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict. `why` says what was found; `since` is set where it is known better than by the reading itself.

    `is_azures_word` says whether Azure told `since`, or an earlier reading of ours. `is_weak`: unknown because of what
    a run did not receive, not because of the resource; it changes nothing that was told before. `source` is the id of
    another resource that decides: the verdict is unknown until `by_source` is asked.
    """

    verdict: Verdict
    why: str = ""
    since: datetime | None = None
    source: str = ""
    is_azures_word: bool = True
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `words` say what was looked at, in a sentence that a person understands."""

    key: str
    type: str
    title: str
    words: str
    judge: Callable[[Subject, Json], Finding]


class _UnreadableError(Exception):
    """A property that decides is missing or of another shape. The text says which."""


IN_USE = Finding(Verdict.IN_USE)
ORPHANED = Finding(Verdict.ORPHANED)


def judge(subject: Subject) -> Finding:
    """The verdict of the rule for this type. KeyError for a type without one: ask `RULE_OF_TYPE` first."""
    rule = RULE_OF_TYPE[subject.type]
    if subject.properties is None:
        return Finding(Verdict.UNKNOWN, "Azure has not told its properties.")
    try:
        return rule.judge(subject, subject.properties)
    except _UnreadableError as unreadable:
        return Finding(Verdict.UNKNOWN, str(unreadable))


# --- how a property is read ---


def _text(properties: Json, name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or not value:
        raise _UnreadableError(f"{name} is missing or is no text.")
    return value


def _items(properties: Json, name: str) -> list[Any]:
    """A list that every whole answer has."""
    value = properties.get(name)
    if not isinstance(value, list):
        raise _UnreadableError(f"{name} is missing or is no list.")
    return value


def _optional_items(properties: Json, name: str) -> list[Any]:
    """A list that Azure leaves out when it is empty."""
    return [] if properties.get(name) is None else _items(properties, name)


def _refers(properties: Json, name: str) -> bool:
    """Whether a reference, {"id": …}, is there. Azure leaves it out, or writes null, when there is none."""
    value = properties.get(name)
    if value is None:
        return False
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), str):
        raise _UnreadableError(f"{name} is no reference to a resource.")
    return True


def _moment(properties: Json, *names: str) -> datetime | None:
    """A time of Azure's, to the microsecond; None when it is missing or cannot be read: then it is only not told."""
    text = next((properties[name] for name in names if isinstance(properties.get(name), str)), "")
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(f"{head}{dot and '.'}{digits[:6]}{rest[len(digits) :]}")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- the rules ---

DISK_STATES_IN_USE = {
    "attached": "It is attached.",
    "reserved": "Its machine is deallocated and keeps it.",
    "frozen": "Its machine hibernates and keeps it.",
    "activesas": "Somebody holds an access signature to it.",
    "activesasfrozen": "Somebody holds an access signature to it.",
    "readytoupload": "It waits for an upload.",
    "activeupload": "An upload into it is running.",
}
KUBERNETES_TAGS = ("kubernetes.io-created-for-pvc", "kubernetes.io-created-for-pv-name", "k8s-azure-created-by")


def _is_replica(name: str) -> bool:
    """Disks of Azure Site Recovery are attached to nothing until the day they are needed."""
    lowered = name.lower()
    return lowered.endswith("-asrreplica") or lowered.startswith(("ms-asr-", "asrseeddisk-"))


def _disk(subject: Subject, properties: Json) -> Finding:
    state = _text(properties, "diskState").lower()
    if state in DISK_STATES_IN_USE:
        return Finding(Verdict.IN_USE, DISK_STATES_IN_USE[state])
    if state != "unattached":
        raise _UnreadableError(f"The disk state {state[:40]} is not known to this rule.")
    if subject.managed_by or _optional_items(properties, "managedByExtended"):
        return Finding(Verdict.IN_USE, "It is managed by another resource.")
    if _is_replica(subject.name) or any(key.lower() == "asr-replicadisk" for key in subject.tags):
        return Finding(Verdict.IN_USE, "It is a replica of Azure Site Recovery.")
    if any(key.lower().startswith(KUBERNETES_TAGS) for key in subject.tags):
        raise _UnreadableError("It is a volume of Kubernetes: only the cluster knows whether a claim still holds it.")
    return Finding(Verdict.ORPHANED, since=_moment(properties, "LastOwnershipUpdateTime", "lastOwnershipUpdateTime"))


def _interface(subject: Subject, properties: Json) -> Finding:
    _items(properties, "ipConfigurations")
    users = [_refers(properties, name) for name in ("virtualMachine", "privateEndpoint", "privateLinkService")]
    if any(users) or subject.managed_by or _optional_items(properties, "hostedWorkloads"):
        return IN_USE
    return ORPHANED


ADDRESS_USERS = ("ipConfiguration", "natGateway", "publicIPPrefix", "servicePublicIPAddress", "linkedPublicIPAddress")


def _public_address(_subject: Subject, properties: Json) -> Finding:
    _text(properties, "publicIPAllocationMethod")
    return IN_USE if any(_refers(properties, name) for name in ADDRESS_USERS) else ORPHANED


BACKUP_GROUPS = ("azurebackuprg",)
WITHOUT_SOURCE = {"empty", "fromimage", "import", "importsecure", "restore", "upload", "uploadpreparedsecure"}


def _snapshot(subject: Subject, properties: Json) -> Finding:
    made = properties.get("creationData")
    if not isinstance(made, Mapping):
        raise _UnreadableError("creationData is missing or is no object.")
    if subject.managed_by or subject.resource_group.lower().startswith(BACKUP_GROUPS):
        return Finding(Verdict.IN_USE, "It belongs to a backup.")
    source = made.get("sourceResourceId")
    if source is None and str(made.get("createOption")).lower() in WITHOUT_SOURCE:
        return Finding(Verdict.IN_USE, "It was not taken from a disk.")
    if not isinstance(source, str) or not source.startswith("/"):
        raise _UnreadableError("sourceResourceId is missing or is no id.")
    return Finding(Verdict.UNKNOWN, "Whether its source is still there was not looked up.", source=source)


def _plan(_subject: Subject, properties: Json) -> Finding:
    sites = properties.get("numberOfSites")
    if isinstance(sites, bool) or not isinstance(sites, int):
        raise _UnreadableError("numberOfSites is missing or is no number.")
    return IN_USE if sites else ORPHANED


def _load_balancer(_subject: Subject, properties: Json) -> Finding:
    pools = _items(properties, "backendAddressPools")
    if not pools and not _optional_items(properties, "inboundNatRules"):
        return ORPHANED
    if any(_has_members(pool) for pool in pools) or any(map(_has_target, properties.get("inboundNatRules") or [])):
        return IN_USE
    raise _UnreadableError("It has a pool or a rule, but no member: a scale set of no machine looks the same.")


def _has_members(pool: Any) -> bool:
    shown = pool.get("properties") if isinstance(pool, Mapping) else None
    if not isinstance(shown, Mapping):
        raise _UnreadableError("A backend pool was not told whole.")
    members = ("backendIPConfigurations", "loadBalancerBackendAddresses")
    return any(_optional_items(shown, name) for name in members)


def _has_target(rule: Any) -> bool:
    shown = rule.get("properties") if isinstance(rule, Mapping) else None
    return isinstance(shown, Mapping) and _refers(shown, "backendIPConfiguration")


def _security_group(_subject: Subject, properties: Json) -> Finding:
    _items(properties, "securityRules")
    users = [_optional_items(properties, name) for name in ("subnets", "networkInterfaces")]
    return IN_USE if any(users) else ORPHANED


def _route_table(_subject: Subject, properties: Json) -> Finding:
    _items(properties, "routes")
    return IN_USE if _optional_items(properties, "subnets") else ORPHANED


def _nat_gateway(_subject: Subject, properties: Json) -> Finding:
    _text(properties, "provisioningState")
    if _optional_items(properties, "subnets") or _refers(properties, "sourceVirtualNetwork"):
        return IN_USE
    return ORPHANED


def _availability_set(subject: Subject, properties: Json) -> Finding:
    if _items(properties, "virtualMachines"):
        return IN_USE
    if subject.name.lower().endswith("-asr"):
        return Finding(Verdict.IN_USE, "It is kept by Azure Site Recovery.")
    return ORPHANED


def _private_endpoint(_subject: Subject, properties: Json) -> Finding:
    links = _items(properties, "privateLinkServiceConnections")
    links = links + _optional_items(properties, "manualPrivateLinkServiceConnections")
    states = [_connection_state(link) for link in links]
    if not states:
        raise _UnreadableError("It names no connection.")
    return ORPHANED if all(state == "disconnected" for state in states) else IN_USE


def _connection_state(link: Any) -> str:
    shown = link.get("properties") if isinstance(link, Mapping) else None
    state = shown.get("privateLinkServiceConnectionState") if isinstance(shown, Mapping) else None
    if not isinstance(state, Mapping):
        raise _UnreadableError("The state of a connection was not told.")
    return _text(state, "status").lower()


RULES: tuple[Rule, ...] = (
    Rule(
        "disk-unattached",
        "microsoft.compute/disks",
        "Disk attached to nothing",
        "Azure says it is unattached; no resource manages it and Site Recovery does not keep it.",
        _disk,
    ),
    Rule(
        "nic-unattached",
        "microsoft.network/networkinterfaces",
        "Network interface attached to nothing",
        "It names no virtual machine, no private endpoint, no private link service and no hosted workload.",
        _interface,
    ),
    Rule(
        "public-ip-unused",
        "microsoft.network/publicipaddresses",
        "Public IP address bound to nothing",
        "It is bound to no IP configuration and no NAT gateway, and belongs to no prefix.",
        _public_address,
    ),
    Rule(
        "snapshot-without-source",
        "microsoft.compute/snapshots",
        "Snapshot whose source is gone",
        "The disk or snapshot that it was taken from is no longer there. Snapshots of a backup are left out.",
        _snapshot,
    ),
    Rule(
        "plan-without-site",
        "microsoft.web/serverfarms",
        "App Service plan without a site",
        "Azure counts no site in it.",
        _plan,
    ),
    Rule(
        "load-balancer-without-backend",
        "microsoft.network/loadbalancers",
        "Load balancer without a backend",
        "It has no backend pool and no inbound NAT rule.",
        _load_balancer,
    ),
    Rule(
        "nsg-unattached",
        "microsoft.network/networksecuritygroups",
        "Network security group that guards nothing",
        "It is attached to no subnet and to no network interface.",
        _security_group,
    ),
    Rule(
        "route-table-unattached",
        "microsoft.network/routetables",
        "Route table without a subnet",
        "No subnet uses it.",
        _route_table,
    ),
    Rule(
        "nat-gateway-unattached",
        "microsoft.network/natgateways",
        "NAT gateway without a subnet",
        "No subnet and no virtual network uses it.",
        _nat_gateway,
    ),
    Rule(
        "availability-set-empty",
        "microsoft.compute/availabilitysets",
        "Availability set without a machine",
        "No virtual machine is in it, and Site Recovery does not keep it.",
        _availability_set,
    ),
    Rule(
        "private-endpoint-disconnected",
        "microsoft.network/privateendpoints",
        "Private endpoint to nowhere",
        "Azure says of each of its connections that it is disconnected: what it led to was deleted or refused it.",
        _private_endpoint,
    ),
)
SNAPSHOTS = "microsoft.compute/snapshots"
GROUP_TYPE = "microsoft.resources/subscriptions/resourcegroups"


def _group(_subject: Subject, _properties: Json) -> Finding:
    raise _UnreadableError("A resource group is judged from what a run received.")


EMPTY_GROUP = Rule(
    "resource-group-empty",
    GROUP_TYPE,
    "Resource group without a resource",
    "Resource Graph shows no resource in it, though the resources and the groups of its subscription were received "
    "whole; and no other resource manages it.",
    _group,
)
RULE_OF_TYPE: dict[str, Rule] = {rule.type: rule for rule in RULES}
RULE_OF_KEY: dict[str, Rule] = {rule.key: rule for rule in (*RULES, EMPTY_GROUP)}
# Any change of this file makes the next sync of each tenant judge everything once more.
VERSION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


# --- verdicts that other readings decide ---


def by_source(*, is_there: bool | None, gone_at: datetime | None = None) -> Finding:
    """A snapshot, once its source was looked up. `is_there` is None while the source's absence is not proved."""
    if is_there is None:
        unproved = "Its source was not seen, and the subscription of it was not received whole."
        return Finding(Verdict.UNKNOWN, unproved, is_weak=True)
    return IN_USE if is_there else Finding(Verdict.ORPHANED, since=gone_at, is_azures_word=False)


def by_content(*, has_resources: bool, is_managed: bool, is_whole: bool, is_young: bool = False) -> Finding:
    """A resource group, from what this run received of its subscription.

    `is_young`: it may have been made, and filled, after the resources were read.
    """
    if has_resources:
        return IN_USE
    if is_managed:
        return Finding(Verdict.IN_USE, "Another resource manages it.")
    if not is_whole:
        return Finding(Verdict.UNKNOWN, "The resources of its subscription were not received whole.")
    if is_young:
        return Finding(Verdict.UNKNOWN, "It was seen for the first time; the next reading tells.")
    return ORPHANED
