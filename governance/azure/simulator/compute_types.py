"""Virtual machines and what belongs to them: disks, snapshots, images, scale sets."""

import random

from governance.azure.simulator.slots import Json, ResourceType, Shape, Slot

VM_SIZES = ("Standard_B2s", "Standard_D2s_v5", "Standard_D4s_v5", "Standard_E4s_v5", "Standard_F4s_v2")
DISK_SIZES_GB = (32, 64, 128, 256, 512, 1023)
DISK_SKUS = ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS")
LINUX_IMAGE = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2"}
WINDOWS_IMAGE = {
    "publisher": "MicrosoftWindowsServer",
    "offer": "WindowsServer",
    "sku": "2022-datacenter-azure-edition",
}


def _attached(disk: Slot) -> Json:
    return {
        "name": disk.name,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": {"id": disk.id, "storageAccountType": disk.size()},
        "deleteOption": "Detach",
    }


def _virtual_machine(slot: Slot, roll: random.Random) -> Shape:
    is_windows = roll.random() < 0.4
    disks = slot.linked("disk")
    storage: Json = {
        "imageReference": {**(WINDOWS_IMAGE if is_windows else LINUX_IMAGE), "version": "latest"},
        "dataDisks": [{"lun": lun, **_attached(disk)} for lun, disk in enumerate(disks[1:])],
    }
    if disks:
        storage["osDisk"] = {"osType": "Windows" if is_windows else "Linux", **_attached(disks[0])}
    properties: Json = {
        "vmId": slot.guid("vm"),
        "provisioningState": "Succeeded",
        "hardwareProfile": {"vmSize": slot.size()},
        "storageProfile": storage,
        "osProfile": {"computerName": slot.name[:15], "adminUsername": "azureadmin"},
        "networkProfile": {"networkInterfaces": [{"id": nic.id} for nic in slot.linked("nic")]},
        "extended": {
            "instanceView": {"powerState": {"code": roll.choice(("PowerState/running", "PowerState/deallocated"))}}
        },
    }
    identity = {"type": "SystemAssigned", "principalId": slot.guid("principal")} if roll.random() < 0.5 else None
    return Shape(properties, zones=[str(roll.randint(1, 3))] if roll.random() < 0.5 else None, identity=identity)


def _disk(slot: Slot, roll: random.Random) -> Shape:
    owners = slot.linked("vm")
    properties: Json = {
        "diskSizeGB": roll.choice(DISK_SIZES_GB),
        "diskState": "Attached" if owners else "Unattached",
        "provisioningState": "Succeeded",
        "timeCreated": "2025-03-01T08:00:00.0000000+00:00",
        "uniqueId": slot.guid("disk"),
        "creationData": {"createOption": "Empty"},
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "diskIOPSReadWrite": 500,
        "diskMBpsReadWrite": 60,
    }
    sku = {"name": slot.size(), "tier": slot.size().split("_", maxsplit=1)[0]}
    return Shape(properties, sku=sku, managed_by=owners[0].id if owners else "")


def _snapshot(slot: Slot, roll: random.Random) -> Shape:
    sources = [other for other in slot.links if other.type.key == "disk"]
    source = sources[0].id if sources else f"{slot.group.id}/providers/Microsoft.Compute/disks/disk-retired-01"
    properties: Json = {
        "diskSizeGB": roll.choice(DISK_SIZES_GB),
        "diskState": "Unattached",
        "incremental": True,
        "timeCreated": "2025-05-01T03:00:00.0000000+00:00",
        "creationData": {"createOption": "Copy", "sourceResourceId": source, "sourceUniqueId": slot.guid("source")},
        "provisioningState": "Succeeded",
    }
    return Shape(properties, sku={"name": slot.size(), "tier": "Standard"})


def _availability_set(slot: Slot, _roll: random.Random) -> Shape:
    machines = [{"id": vm.id.upper()} for vm in slot.linked("vm")]
    properties: Json = {"platformFaultDomainCount": 2, "platformUpdateDomainCount": 5, "virtualMachines": machines}
    return Shape(properties, sku={"name": "Aligned"})


def _scale_set(slot: Slot, roll: random.Random) -> Shape:
    properties: Json = {
        "provisioningState": "Succeeded",
        "uniqueId": slot.guid("vmss"),
        "overprovision": True,
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {"storageProfile": {"imageReference": {**LINUX_IMAGE, "version": "latest"}}},
    }
    sku = {"name": slot.size(), "tier": "Standard", "capacity": roll.randint(1, 8)}
    return Shape(properties, sku=sku, zones=["1", "2", "3"])


def _image(_slot: Slot, _roll: random.Random) -> Shape:
    storage = {"osDisk": {"osType": "Linux", "osState": "Generalized", "diskSizeGB": 30}, "zoneResilient": False}
    return Shape({"provisioningState": "Succeeded", "hyperVGeneration": "V2", "storageProfile": storage})


COMPUTE_TYPES = (
    ResourceType(
        "vm",
        "Microsoft.Compute/virtualMachines",
        _virtual_machine,
        VM_SIZES,
        ("licenseType", ("None", "Windows_Server", "RHEL_BYOS")),
    ),
    ResourceType("disk", "Microsoft.Compute/disks", _disk, DISK_SKUS, ("networkAccessPolicy", ("AllowAll", "DenyAll"))),
    ResourceType(
        "snap",
        "Microsoft.Compute/snapshots",
        _snapshot,
        ("Standard_LRS", "Standard_ZRS"),
        ("publicNetworkAccess", ("Enabled", "Disabled")),
    ),
    ResourceType("avail", "Microsoft.Compute/availabilitySets", _availability_set),
    ResourceType(
        "vmss",
        "Microsoft.Compute/virtualMachineScaleSets",
        _scale_set,
        VM_SIZES,
        ("singlePlacementGroup", (False, True)),
    ),
    ResourceType("it", "Microsoft.Compute/images", _image),
)
