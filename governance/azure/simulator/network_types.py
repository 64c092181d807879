"""Networks and what hangs on them: interfaces, addresses, gateways, zones, private endpoints."""

import random

from governance.azure.simulator.slots import Json, ResourceType, Shape, Slot

ADDRESS_USERS = ("nic", "lbe", "ng", "bas", "afw", "agw", "vgw")


def _subnet_id(slot: Slot, name: str = "default") -> str:
    network = slot.neighbour("vnet")
    prefix = network.id if network else f"{slot.group.id}/providers/Microsoft.Network/virtualNetworks/vnet-hub-01"
    return f"{prefix}/subnets/{name}"


def _front_end(slot: Slot, kind: str) -> Json:
    """One IP configuration with the public addresses that are tied to this slot."""
    configuration: Json = {"subnet": {"id": _subnet_id(slot)}, "provisioningState": "Succeeded"}
    for address in slot.linked("pip"):
        configuration["publicIPAddress"] = {"id": address.id}
    return {"id": f"{slot.id}/{kind}/primary", "name": "primary", "properties": configuration}


def _interface(slot: Slot, roll: random.Random) -> Shape:
    configuration = _front_end(slot, "ipConfigurations")
    configuration["properties"]["privateIPAddress"] = f"10.{slot.number % 200}.0.{roll.randint(4, 250)}"
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": slot.guid("nic"),
        "macAddress": f"00-0D-3A-{slot.number // 256 % 256:02X}-{slot.number % 256:02X}-01",
        "primary": True,
        "ipConfigurations": [configuration],
    }
    for machine in slot.linked("vm"):
        properties["virtualMachine"] = {"id": machine.id}
    for endpoint in slot.linked("pep"):
        properties["privateEndpoint"] = {"id": endpoint.id}
    for rules in slot.linked("nsg"):
        properties["networkSecurityGroup"] = {"id": rules.id}
    return Shape(properties)


def _public_address(slot: Slot, roll: random.Random) -> Shape:
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": slot.guid("pip"),
        "ipAddress": f"20.{roll.randint(1, 254)}.{roll.randint(1, 254)}.{roll.randint(1, 254)}",
        "publicIPAllocationMethod": "Static",
        "publicIPAddressVersion": "IPv4",
    }
    for user in slot.linked(*ADDRESS_USERS):
        if user.type.key == "ng":
            properties["natGateway"] = {"id": user.id}
        else:
            kind = "frontendIPConfigurations" if user.type.key in ("lbe", "agw") else "ipConfigurations"
            properties["ipConfiguration"] = {"id": f"{user.id}/{kind}/primary"}
    return Shape(properties, sku={"name": slot.size(), "tier": "Regional"}, zones=["1", "2", "3"])


def _security_group(slot: Slot, roll: random.Random) -> Shape:
    rule = {
        "name": "AllowHttpsInbound",
        "properties": {
            "protocol": "TCP",
            "sourceAddressPrefix": roll.choice(("*", "Internet", "10.0.0.0/8")),
            "destinationPortRange": roll.choice(("443", "443", "22", "3389")),
            "access": "Allow",
            "priority": 100,
            "direction": "Inbound",
        },
    }
    properties: Json = {"provisioningState": "Succeeded", "resourceGuid": slot.guid("nsg"), "securityRules": [rule]}
    subnets = [{"id": f"{network.id}/subnets/default"} for network in slot.linked("vnet")]
    interfaces = [{"id": nic.id} for nic in slot.linked("nic")]
    if subnets:
        properties["subnets"] = subnets
    if interfaces:
        properties["networkInterfaces"] = interfaces
    return Shape(properties)


def _network(slot: Slot, _roll: random.Random) -> Shape:
    subnet: Json = {"addressPrefix": f"10.{slot.number % 200}.0.0/24", "provisioningState": "Succeeded"}
    for rules in slot.linked("nsg"):
        subnet["networkSecurityGroup"] = {"id": rules.id}
    for routes in slot.linked("rt"):
        subnet["routeTable"] = {"id": routes.id}
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": slot.guid("vnet"),
        "addressSpace": {"addressPrefixes": [f"10.{slot.number % 200}.0.0/16"]},
        "subnets": [{"name": "default", "id": f"{slot.id}/subnets/default", "properties": subnet}],
        "virtualNetworkPeerings": [],
    }
    return Shape(properties)


def _load_balancer(slot: Slot, _roll: random.Random) -> Shape:
    members = [
        {"id": f"{nic.id}/ipConfigurations/primary"} for machine in slot.linked("vm") for nic in machine.linked("nic")
    ]
    pools = [{"name": "pool", "properties": {"backendIPConfigurations": members}}] if slot.linked("vm") else []
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": slot.guid("lb"),
        "frontendIPConfigurations": [_front_end(slot, "frontendIPConfigurations")],
        "backendAddressPools": pools,
        "loadBalancingRules": [],
    }
    return Shape(properties, sku={"name": slot.size(), "tier": "Regional"})


def _gateway(slot: Slot, _roll: random.Random) -> Shape:
    """Application gateway, firewall, bastion, VPN gateway: one front end and a size."""
    kind = "frontendIPConfigurations" if slot.type.key == "agw" else "ipConfigurations"
    properties: Json = {"provisioningState": "Succeeded", kind: [_front_end(slot, kind)]}
    if slot.type.key == "agw":
        properties["operationalState"] = "Running"
        properties["sku"] = {"name": slot.size(), "tier": slot.size(), "capacity": 2}
        return Shape(properties, zones=["1", "2"])
    if slot.type.key in ("afw", "vgw"):
        properties["sku"] = {"name": slot.size(), "tier": slot.size()}
        return Shape(properties)
    return Shape(properties, sku={"name": slot.size()})


def _nat_gateway(slot: Slot, _roll: random.Random) -> Shape:
    addresses = [{"id": address.id} for address in slot.linked("pip")]
    properties: Json = {"provisioningState": "Succeeded", "publicIpAddresses": addresses}
    if subnets := [{"id": f"{network.id}/subnets/default"} for network in slot.linked("vnet")]:
        properties["subnets"] = subnets
    return Shape(properties, sku={"name": slot.size()})


def _route_table(slot: Slot, _roll: random.Random) -> Shape:
    subnets = [{"id": f"{network.id}/subnets/default"} for network in slot.linked("vnet")]
    return Shape({"provisioningState": "Succeeded", "resourceGuid": slot.guid("rt"), "subnets": subnets, "routes": []})


def _private_endpoint(slot: Slot, _roll: random.Random) -> Shape:
    targets = [other for other in slot.links if other.type.key in ("st", "kv", "sql")]
    connections = [
        {
            "name": slot.name,
            "properties": {
                "privateLinkServiceId": target.id,
                "privateLinkServiceConnectionState": {"status": "Approved" if target.is_alive else "Disconnected"},
            },
        }
        for target in targets
    ]
    interfaces = [{"id": nic.id} for nic in slot.linked("nic")]
    properties: Json = {
        "provisioningState": "Succeeded",
        "subnet": {"id": _subnet_id(slot)},
        "networkInterfaces": interfaces,
        "privateLinkServiceConnections": connections,
    }
    return Shape(properties)


def _zone(_slot: Slot, roll: random.Random) -> Shape:
    return Shape({"provisioningState": "Succeeded", "numberOfRecordSets": roll.randint(2, 40)})


NETWORK_TYPES = (
    ResourceType(
        "nic",
        "Microsoft.Network/networkInterfaces",
        _interface,
        setting=("enableAcceleratedNetworking", (False, True)),
    ),
    ResourceType(
        "pip",
        "Microsoft.Network/publicIPAddresses",
        _public_address,
        ("Standard", "Basic"),
        ("idleTimeoutInMinutes", (4, 15, 30)),
    ),
    ResourceType("nsg", "Microsoft.Network/networkSecurityGroups", _security_group),
    ResourceType(
        "vnet", "Microsoft.Network/virtualNetworks", _network, setting=("enableDdosProtection", (False, True))
    ),
    ResourceType("lbe", "Microsoft.Network/loadBalancers", _load_balancer, ("Standard", "Basic")),
    ResourceType(
        "agw",
        "Microsoft.Network/applicationGateways",
        _gateway,
        ("WAF_v2", "Standard_v2"),
        ("enableHttp2", (True, False)),
    ),
    ResourceType(
        "afw",
        "Microsoft.Network/azureFirewalls",
        _gateway,
        ("Standard", "Premium"),
        ("threatIntelMode", ("Alert", "Deny")),
    ),
    ResourceType("bas", "Microsoft.Network/bastionHosts", _gateway, ("Basic", "Standard")),
    ResourceType("vgw", "Microsoft.Network/virtualNetworkGateways", _gateway, ("VpnGw1AZ", "VpnGw2AZ")),
    ResourceType(
        "ng", "Microsoft.Network/natGateways", _nat_gateway, ("Standard",), ("idleTimeoutInMinutes", (4, 10, 60))
    ),
    ResourceType(
        "rt", "Microsoft.Network/routeTables", _route_table, setting=("disableBgpRoutePropagation", (False, True))
    ),
    ResourceType("pep", "Microsoft.Network/privateEndpoints", _private_endpoint),
    ResourceType("pdnsz", "Microsoft.Network/privateDnsZones", _zone, is_global=True),
    ResourceType("dnsz", "Microsoft.Network/dnsZones", _zone, is_global=True),
)
