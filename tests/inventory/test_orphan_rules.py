"""The rules on known answers: what is an orphan, what is in use, and what nobody can tell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.keys import new_id
from inventory.orphans import (
    RULE_OF_KEY,
    RULES,
    Finding,
    Subject,
    Verdict,
    by_content,
    by_source,
    judge,
)
from inventory.periods import OpenPeriod, Step, next_step

DISK = "microsoft.compute/disks"
NIC = "microsoft.network/networkinterfaces"
PIP = "microsoft.network/publicipaddresses"
SNAP = "microsoft.compute/snapshots"
PLAN = "microsoft.web/serverfarms"
LB = "microsoft.network/loadbalancers"
NSG = "microsoft.network/networksecuritygroups"
ROUTES = "microsoft.network/routetables"
NAT = "microsoft.network/natgateways"
AVAIL = "microsoft.compute/availabilitysets"
PEP = "microsoft.network/privateendpoints"
REF = {"id": "/subscriptions/s/resourceGroups/g/providers/x/y/z"}
ADDRESS = {"publicIPAllocationMethod": "Static", "provisioningState": "Succeeded"}
NICS = {"ipConfigurations": [{"name": "primary"}]}
POOL = {"name": "pool", "properties": {"backendIPConfigurations": [REF]}}
BY_ADDRESS = {"name": "pool", "properties": {"loadBalancerBackendAddresses": [{"name": "one"}]}}
NAT_RULE = {"name": "ssh", "properties": {"backendIPConfiguration": REF}}


def state(status: Any) -> dict[str, Any]:
    """A connection of a private endpoint in this state."""
    return {"properties": {"privateLinkServiceConnectionState": {"status": status}}}


ORPHANED: list[tuple[str, dict[str, Any]]] = [
    (DISK, {"diskState": "Unattached"}),
    (DISK, {"diskState": "UNATTACHED", "managedByExtended": []}),
    (NIC, NICS),
    (NIC, {**NICS, "virtualMachine": None, "hostedWorkloads": []}),
    (PIP, ADDRESS),
    (PIP, {**ADDRESS, "ipConfiguration": None}),
    (PLAN, {"numberOfSites": 0}),
    (LB, {"backendAddressPools": []}),
    (LB, {"backendAddressPools": [], "inboundNatRules": [], "inboundNatPools": []}),
    (NSG, {"securityRules": []}),
    (NSG, {"securityRules": [], "subnets": [], "networkInterfaces": None}),
    (ROUTES, {"routes": []}),
    (NAT, {"provisioningState": "Succeeded", "publicIpAddresses": [REF]}),
    (AVAIL, {"virtualMachines": []}),
    (PEP, {"privateLinkServiceConnections": [state("Disconnected")]}),
    (PEP, {"privateLinkServiceConnections": [], "manualPrivateLinkServiceConnections": [state("Disconnected")]}),
]
IN_USE: list[tuple[str, dict[str, Any]]] = [
    *((DISK, {"diskState": one}) for one in ("Attached", "Reserved", "ActiveSAS", "ReadyToUpload", "ActiveUpload")),
    *((DISK, {"diskState": one}) for one in ("Frozen", "ActiveSASFrozen")),
    (DISK, {"diskState": "Unattached", "managedByExtended": [REF["id"]]}),
    *((NIC, {**NICS, name: REF}) for name in ("virtualMachine", "privateEndpoint", "privateLinkService")),
    (NIC, {**NICS, "hostedWorkloads": ["/subscriptions/x"]}),
    *((PIP, {**ADDRESS, name: REF}) for name in ("ipConfiguration", "natGateway", "publicIPPrefix")),
    (PLAN, {"numberOfSites": 3}),
    (LB, {"backendAddressPools": [POOL]}),
    (LB, {"backendAddressPools": [BY_ADDRESS]}),
    (LB, {"backendAddressPools": [], "inboundNatRules": [NAT_RULE]}),
    (NSG, {"securityRules": [], "subnets": [REF]}),
    (NSG, {"securityRules": [], "networkInterfaces": [REF]}),
    (ROUTES, {"routes": [], "subnets": [REF]}),
    (NAT, {"provisioningState": "Succeeded", "subnets": [REF]}),
    (AVAIL, {"virtualMachines": [REF]}),
    (PEP, {"privateLinkServiceConnections": [state("Approved")]}),
    (PEP, {"privateLinkServiceConnections": [state("Pending")]}),
    (PEP, {"privateLinkServiceConnections": [state("Disconnected"), state("Approved")]}),
    (SNAP, {"creationData": {"createOption": "Import", "sourceUri": "https://x"}}),
]
UNKNOWN: list[tuple[str, dict[str, Any] | None]] = [
    *((rule.type, None) for rule in RULES),
    *((rule.type, {}) for rule in RULES),
    (DISK, {"diskState": 1}),
    (DISK, {"diskState": ""}),
    (DISK, {"diskState": "SomethingNew"}),
    (NIC, {**NICS, "virtualMachine": "vm"}),
    (NIC, {**NICS, "privateEndpoint": {}}),
    (PIP, {**ADDRESS, "ipConfiguration": {}}),
    (PIP, {**ADDRESS, "natGateway": []}),
    (PLAN, {"numberOfSites": None}),
    (PLAN, {"numberOfSites": False}),
    (PLAN, {"numberOfSites": "0"}),
    (LB, {"backendAddressPools": None}),
    (LB, {"backendAddressPools": [{"name": "pool"}]}),
    (LB, {"backendAddressPools": [{"name": "pool", "properties": {}}]}),  # a scale set of no machine
    (LB, {"backendAddressPools": [], "inboundNatRules": [{"name": "ssh", "properties": {}}]}),
    (NSG, {"securityRules": [], "subnets": "none"}),
    (ROUTES, {"routes": [], "subnets": {}}),
    (NAT, {"provisioningState": "Succeeded", "subnets": "none"}),
    (PEP, {"privateLinkServiceConnections": []}),
    (PEP, {"privateLinkServiceConnections": [state(None)]}),
    (PEP, {"privateLinkServiceConnections": ["x"]}),
    (SNAP, {"creationData": {"createOption": "Copy"}}),
    (SNAP, {"creationData": {"createOption": "Copy", "sourceResourceId": 7}}),
]


def found(kind: str, properties: dict[str, Any] | None, **more: Any) -> Finding:
    """The finding for a resource with these properties."""
    return judge(Subject(kind, more.pop("name", "thing-01"), properties, **more))


@pytest.mark.parametrize(("kind", "properties"), ORPHANED, ids=str)
def test_nothing_uses_it(kind: str, properties: dict[str, Any]) -> None:
    assert found(kind, properties).verdict is Verdict.ORPHANED


@pytest.mark.parametrize(("kind", "properties"), IN_USE, ids=str)
def test_something_uses_it(kind: str, properties: dict[str, Any]) -> None:
    assert found(kind, properties).verdict is Verdict.IN_USE


@pytest.mark.parametrize(("kind", "properties"), UNKNOWN, ids=str)
def test_nobody_can_tell(kind: str, properties: dict[str, Any] | None) -> None:
    finding = found(kind, properties)

    assert finding.verdict is Verdict.UNKNOWN
    assert finding.why.endswith(".")


@pytest.mark.parametrize(
    "more",
    [
        {"name": "web-ASRReplica"},
        {"name": "ms-asr-4711"},
        {"name": "asrseeddisk-web"},
        {"managed_by": "/subscriptions/s/x"},
        {"tags": {"ASR-ReplicaDisk": "1"}},
    ],
    ids=str,
)
def test_a_disk_that_waits_for_its_hour_is_no_orphan(more: dict[str, Any]) -> None:
    assert found(DISK, {"diskState": "Unattached"}, **more).verdict is Verdict.IN_USE


def test_a_volume_of_kubernetes_is_known_only_to_its_cluster() -> None:
    tags = {"kubernetes.io-created-for-pvc-name": "data"}

    assert found(DISK, {"diskState": "Unattached"}, tags=tags).verdict is Verdict.UNKNOWN


def test_what_is_kept_for_recovery_and_backup_is_no_orphan() -> None:
    assert found(AVAIL, {"virtualMachines": []}, name="web-asr").verdict is Verdict.IN_USE
    copied = {"creationData": {"createOption": "Copy", "sourceResourceId": "/subscriptions/s/disk"}}
    assert found(SNAP, copied, resource_group="AzureBackupRG_westeurope_1").verdict is Verdict.IN_USE
    assert found(SNAP, copied, managed_by="/subscriptions/s/collection").verdict is Verdict.IN_USE


def test_azures_word_on_since_when() -> None:
    told = {"diskState": "Unattached", "LastOwnershipUpdateTime": "2024-05-01T10:11:12.1234567+00:00"}

    assert found(DISK, told).since == datetime(2024, 5, 1, 10, 11, 12, 123456, tzinfo=UTC)
    assert found(DISK, {**told, "LastOwnershipUpdateTime": "soon"}).since is None
    assert found(DISK, {"diskState": "Unattached"}).since is None


def test_a_snapshot_is_judged_by_its_source() -> None:
    source = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"
    finding = found(SNAP, {"creationData": {"createOption": "Copy", "sourceResourceId": source}})

    assert (finding.verdict, finding.source) == (Verdict.UNKNOWN, source)
    assert by_source(is_there=True).verdict is Verdict.IN_USE
    assert by_source(is_there=False).verdict is Verdict.ORPHANED
    assert by_source(is_there=None).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("received", "verdict"),
    [
        ({"has_resources": True, "is_managed": False, "is_whole": False}, Verdict.IN_USE),
        ({"has_resources": True, "is_managed": False, "is_whole": True}, Verdict.IN_USE),
        ({"has_resources": False, "is_managed": True, "is_whole": True}, Verdict.IN_USE),
        ({"has_resources": False, "is_managed": False, "is_whole": True}, Verdict.ORPHANED),
        ({"has_resources": False, "is_managed": False, "is_whole": False}, Verdict.UNKNOWN),
    ],
)
def test_a_group_is_judged_by_what_came(received: dict[str, bool], verdict: Verdict) -> None:
    assert by_content(**received).verdict is verdict


def test_every_rule_speaks_in_sentences_and_has_a_key_of_its_own() -> None:
    assert len(RULE_OF_KEY) == len(RULES) + 1
    assert len({rule.type for rule in RULES}) == len(RULES)
    for rule in RULE_OF_KEY.values():
        assert rule.words.endswith(".")
        assert len(rule.key) <= 64


# --- what a verdict means for the period that is open -----------------------------------------------------------------

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SURE = OpenPeriod(new_id(), NOW - timedelta(days=9), None)
DOUBTED = OpenPeriod(new_id(), NOW - timedelta(days=9), NOW - timedelta(days=2))
NEVER_KNOWN = OpenPeriod(new_id(), NOW - timedelta(days=9), NOW - timedelta(days=9))
ORPHAN = Finding(Verdict.ORPHANED)
TOLD_LATER = Finding(Verdict.ORPHANED, since=NOW - timedelta(days=1))
TOLD_EARLIER = Finding(Verdict.ORPHANED, since=NOW - timedelta(days=30))
USED = Finding(Verdict.IN_USE)
UNTOLD = Finding(Verdict.UNKNOWN)
WEAK = Finding(Verdict.UNKNOWN, is_weak=True)


@pytest.mark.parametrize(
    ("period", "finding", "step"),
    [
        (None, USED, Step.NOTHING),
        (None, ORPHAN, Step.OPEN),
        (None, UNTOLD, Step.OPEN),
        (None, WEAK, Step.OPEN),
        (SURE, USED, Step.END),
        (SURE, ORPHAN, Step.NOTHING),
        (SURE, TOLD_EARLIER, Step.NOTHING),
        (SURE, TOLD_LATER, Step.RESTART),
        (SURE, UNTOLD, Step.DOUBT),
        (SURE, WEAK, Step.NOTHING),
        (DOUBTED, USED, Step.END),
        (DOUBTED, ORPHAN, Step.CONFIRM),
        (DOUBTED, UNTOLD, Step.NOTHING),
        (DOUBTED, WEAK, Step.NOTHING),
        (NEVER_KNOWN, USED, Step.END),
        (NEVER_KNOWN, ORPHAN, Step.RESOLVE),
        (NEVER_KNOWN, TOLD_EARLIER, Step.RESOLVE),
        (NEVER_KNOWN, UNTOLD, Step.NOTHING),
    ],
)
def test_the_next_step(period: OpenPeriod | None, finding: Finding, step: Step) -> None:
    assert next_step(period, finding) is step
