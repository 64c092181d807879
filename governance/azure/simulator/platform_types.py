"""Platform services: web, containers, storage, databases, messaging, AI, integration, operations."""

import random

from governance.azure.simulator.slots import Json, ResourceType, Shape, Slot

TLS = ("minimumTlsVersion", ("TLS1_2", "TLS1_3", "TLS1_0"))
PUBLIC_ACCESS = ("publicNetworkAccess", ("Enabled", "Disabled"))
RETENTION = ("retentionInDays", (30, 60, 90))
WEB_KINDS = {"app": "app,linux", "func": "functionapp,linux"}


def _plain(slot: Slot, roll: random.Random) -> Shape:
    """A service of which only the endpoint, the state and the SKU matter here."""
    endpoint = f"https://{slot.name}.{slot.type.key}.azure.example/"
    properties: Json = {
        "provisioningState": "Succeeded",
        "createdAt": f"2025-{roll.randint(1, 12):02d}-{roll.randint(1, 28):02d}T09:30:00Z",
        "resourceGuid": slot.guid("service"),
        "endpoint": endpoint,
    }
    return Shape(properties, sku={"name": slot.size()} if slot.type.sizes else None)


def _storage_account(slot: Slot, roll: random.Random) -> Shape:
    host = f"https://{slot.name}.{{}}.core.windows.net/"
    properties: Json = {
        "provisioningState": "Succeeded",
        "creationTime": "2025-02-11T10:00:00.0000000Z",
        "accessTier": roll.choice(("Hot", "Cool")),
        "supportsHttpsTrafficOnly": roll.random() < 0.9,
        "allowBlobPublicAccess": roll.random() < 0.1,
        "primaryLocation": slot.group.region,
        "statusOfPrimary": "available",
        "primaryEndpoints": {service: host.format(service) for service in ("blob", "file", "queue", "table")},
        "networkAcls": {"bypass": "AzureServices", "defaultAction": roll.choice(("Allow", "Deny"))},
    }
    return Shape(properties, sku={"name": slot.size(), "tier": "Standard"}, kind="StorageV2")


def _key_vault(slot: Slot, roll: random.Random) -> Shape:
    properties: Json = {
        "provisioningState": "Succeeded",
        "sku": {"family": "A", "name": slot.size()},
        "vaultUri": f"https://{slot.name}.vault.azure.net/",
        "enableRbacAuthorization": roll.random() < 0.8,
        "softDeleteRetentionInDays": 90,
    }
    return Shape(properties)


def _sql_server(slot: Slot, _roll: random.Random) -> Shape:
    properties: Json = {
        "state": "Ready",
        "version": "12.0",
        "fullyQualifiedDomainName": f"{slot.name}.database.windows.net",
        "administratorLogin": "sqladmin",
    }
    return Shape(properties, kind="v12.0")


def _sql_database(slot: Slot, roll: random.Random) -> Shape:
    properties: Json = {
        "status": "Online",
        "databaseId": slot.guid("database"),
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "maxSizeBytes": roll.choice((2, 32, 250)) * 1024**3,
        "currentServiceObjectiveName": slot.size(),
    }
    return Shape(properties, sku={"name": slot.size(), "tier": "Standard"}, kind="v12.0,user")


def _app_service_plan(slot: Slot, roll: random.Random) -> Shape:
    sites = slot.linked("app", "func")
    properties: Json = {
        "provisioningState": "Succeeded",
        "status": "Ready",
        "numberOfSites": len(sites),
        "numberOfWorkers": roll.randint(1, 3),
        "reserved": True,
        "geoRegion": slot.group.region,
    }
    sku = {"name": slot.size(), "tier": "PremiumV3" if "v3" in slot.size() else "Basic", "capacity": 1}
    return Shape(properties, sku=sku, kind="linux")


def _site(slot: Slot, roll: random.Random) -> Shape:
    plans = [other for other in slot.links if other.type.key == "asp"]
    properties: Json = {
        "state": roll.choice(("Running", "Running", "Running", "Stopped")),
        "defaultHostName": f"{slot.name}.azurewebsites.net",
        "hostNames": [f"{slot.name}.azurewebsites.net"],
        "serverFarmId": plans[0].id if plans else None,
        "enabled": True,
        "siteConfig": {"linuxFxVersion": roll.choice(("PYTHON|3.11", "DOTNETCORE|8.0", "NODE|20-lts"))},
    }
    identity = {"type": "SystemAssigned", "principalId": slot.guid("principal")}
    return Shape(properties, kind=WEB_KINDS[slot.type.key], identity=identity)


def _insights(slot: Slot, _roll: random.Random) -> Shape:
    workspace = slot.neighbour("log")
    properties: Json = {
        "provisioningState": "Succeeded",
        "Application_Type": "web",
        "AppId": slot.guid("app"),
        "IngestionMode": "LogAnalytics",
        "WorkspaceResourceId": workspace.id if workspace else None,
    }
    return Shape(properties, kind="web")


def _cluster(slot: Slot, roll: random.Random) -> Shape:
    pool = {"name": "system", "count": roll.randint(1, 5), "vmSize": "Standard_D4s_v5", "mode": "System"}
    properties: Json = {
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "dnsPrefix": slot.name,
        "agentPoolProfiles": [pool],
        "nodeResourceGroup": f"MC_{slot.group.name}_{slot.name}_{slot.group.region}",
        "networkProfile": {"networkPlugin": "azure", "networkPolicy": "calico"},
    }
    identity = {"type": "SystemAssigned", "principalId": slot.guid("principal")}
    return Shape(properties, sku={"name": "Base", "tier": slot.size()}, kind="Base", identity=identity)


def _alert(slot: Slot, roll: random.Random) -> Shape:
    groups = [{"actionGroupId": other.id} for other in slot.linked("ag")]
    machine = slot.neighbour("vm")
    properties: Json = {
        "severity": roll.randint(0, 4),
        "evaluationFrequency": "PT5M",
        "windowSize": "PT15M",
        "scopes": [machine.id if machine else slot.group.id],
        "actions": groups,
    }
    return Shape(properties)


def _action_group(slot: Slot, _roll: random.Random) -> Shape:
    receiver = {"name": "on-call", "emailAddress": "on-call@example.com", "useCommonAlertSchema": True}
    return Shape({"groupShortName": slot.name[:12], "emailReceivers": [receiver]})


def _cognitive(slot: Slot, _roll: random.Random) -> Shape:
    properties: Json = {
        "provisioningState": "Succeeded",
        "endpoint": f"https://{slot.name}.openai.azure.com/",
        "customSubDomainName": slot.name,
    }
    return Shape(properties, sku={"name": slot.size()}, kind="OpenAI")


WEB_TYPES = (
    ResourceType(
        "asp", "Microsoft.Web/serverFarms", _app_service_plan, ("B1", "P0v3", "P1v3"), ("zoneRedundant", (False, True))
    ),
    ResourceType("app", "Microsoft.Web/sites", _site, setting=("httpsOnly", (True, False))),
    ResourceType("func", "Microsoft.Web/sites", _site, setting=("httpsOnly", (True, False))),
    ResourceType(
        "apim",
        "Microsoft.ApiManagement/service",
        _plain,
        ("Developer", "Basic", "Standard"),
        ("virtualNetworkType", ("None", "External", "Internal")),
    ),
)
CONTAINER_TYPES = (
    ResourceType(
        "aks",
        "Microsoft.ContainerService/managedClusters",
        _cluster,
        ("Free", "Standard"),
        ("kubernetesVersion", ("1.30.4", "1.31.2", "1.32.0")),
    ),
    ResourceType(
        "cr",
        "Microsoft.ContainerRegistry/registries",
        _plain,
        ("Basic", "Standard", "Premium"),
        ("adminUserEnabled", (False, True)),
        has_plain_name=True,
    ),
    ResourceType(
        "ci",
        "Microsoft.ContainerInstance/containerGroups",
        _plain,
        ("Standard",),
        ("restartPolicy", ("Always", "OnFailure")),
    ),
    ResourceType("ca", "Microsoft.App/containerApps", _plain, setting=("workloadProfileName", ("Consumption", "D4"))),
)
STORE_TYPES = (
    ResourceType(
        "st",
        "Microsoft.Storage/storageAccounts",
        _storage_account,
        ("Standard_LRS", "Standard_ZRS", "Standard_GRS"),
        TLS,
        has_plain_name=True,
    ),
    ResourceType(
        "kv",
        "Microsoft.KeyVault/vaults",
        _key_vault,
        ("standard", "premium"),
        PUBLIC_ACCESS,
        has_plain_name=True,
    ),
    ResourceType("sql", "Microsoft.Sql/servers", _sql_server, setting=("minimalTlsVersion", ("1.2", "1.3", "1.0"))),
    ResourceType("sqldb", "Microsoft.Sql/servers/databases", _sql_database, ("S0", "S2", "GP_Gen5_2")),
    ResourceType(
        "cosmos",
        "Microsoft.DocumentDB/databaseAccounts",
        _plain,
        setting=("publicNetworkAccess", ("Enabled", "Disabled", "SecuredByPerimeter")),
    ),
    ResourceType("redis", "Microsoft.Cache/Redis", _plain, ("Basic", "Standard", "Premium"), TLS),
)
INTEGRATION_TYPES = (
    ResourceType("sbns", "Microsoft.ServiceBus/namespaces", _plain, ("Basic", "Standard", "Premium"), TLS),
    ResourceType("evhns", "Microsoft.EventHub/namespaces", _plain, ("Basic", "Standard"), TLS),
    ResourceType("adf", "Microsoft.DataFactory/factories", _plain, setting=PUBLIC_ACCESS),
    ResourceType("logic", "Microsoft.Logic/workflows", _plain, setting=("state", ("Enabled", "Disabled"))),
    ResourceType("oai", "Microsoft.CognitiveServices/accounts", _cognitive, ("S0",), PUBLIC_ACCESS),
)
OPERATIONS_TYPES = (
    ResourceType("log", "Microsoft.OperationalInsights/workspaces", _plain, ("PerGB2018",), RETENTION),
    ResourceType("appi", "Microsoft.Insights/components", _insights, setting=("RetentionInDays", (30, 90))),
    ResourceType("id", "Microsoft.ManagedIdentity/userAssignedIdentities", _plain),
    ResourceType("aa", "Microsoft.Automation/automationAccounts", _plain, ("Basic",), PUBLIC_ACCESS),
    ResourceType("rsv", "Microsoft.RecoveryServices/vaults", _plain, ("RS0", "Standard"), PUBLIC_ACCESS),
    ResourceType(
        "ag", "Microsoft.Insights/actionGroups", _action_group, setting=("enabled", (True, False)), is_global=True
    ),
    ResourceType("ar", "Microsoft.Insights/metricAlerts", _alert, setting=("enabled", (True, False)), is_global=True),
)
PLATFORM_TYPES = WEB_TYPES + CONTAINER_TYPES + STORE_TYPES + INTEGRATION_TYPES + OPERATIONS_TYPES
