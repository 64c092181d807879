"""What is charged for each type of resource: meters with a price and a usual use a day. The prices are made up."""

from dataclasses import dataclass
from decimal import Decimal

PRICE_PLACES = 8  # a price is a whole number of 0.00000001
QUANTITY_PLACES = 6
AMOUNT_PLACES = PRICE_PLACES + QUANTITY_PLACES  # so that quantity x price is exact


@dataclass(frozen=True)
class Meter:
    """``price`` and ``daily`` (the usual quantity) are whole numbers of their places."""

    service: str
    family: str
    subcategory: str
    name: str
    unit: str
    price: int
    daily: int
    provider: str
    grows_with_size: bool = False
    is_reserved: bool = False  # a reservation can cover it


def _meter(path: str, unit: str, price: str, daily: str, provider: str, *, sized: bool = False) -> Meter:
    """``path`` is service/family/subcategory/name."""
    service, family, subcategory, name = path.split("/", 3)
    return Meter(
        service,
        family,
        subcategory,
        name,
        unit,
        int(Decimal(price).scaleb(PRICE_PLACES)),
        int(Decimal(daily).scaleb(QUANTITY_PLACES)),
        provider,
        grows_with_size=sized,
        is_reserved=service == "Virtual Machines",
    )


_COMPUTE, _NETWORK, _STORAGE = "Microsoft.Compute", "Microsoft.Network", "Microsoft.Storage"
_BANDWIDTH = _meter(
    "Bandwidth/Networking/Inter-Region/Standard Data Transfer Out", "1 GB", "0.08147213", "1.7", _COMPUTE
)
_DISK = _meter("Storage/Storage/Premium SSD Managed Disks/P10 LRS Disk", "1/Month", "21.68004517", "0.0329", _COMPUTE)
_OPERATIONS = _meter("Storage/Storage/Standard SSD Managed Disks/Disk Operations", "10K", "0.00207341", "3.4", _COMPUTE)
_ADDRESS = _meter(
    "Virtual Network/Networking/IP Addresses/Standard IPv4 Static Public IP", "1 Hour", "0.00512377", "24", _NETWORK
)
_VAULT = _meter("Key Vault/Security/Vault/Operations", "10K", "0.02913407", "0.31", "Microsoft.KeyVault")
_LOGS = _meter(
    "Log Analytics/Management and Governance/Log Analytics/Pay-as-you-go Data Ingestion",
    "1 GB",
    "2.76013359",
    "0.83",
    "Microsoft.OperationalInsights",
)
_FIREWALL = _meter(
    "Azure Firewall/Networking/Azure Firewall/Standard Deployment", "1 Hour", "1.25047193", "24", _NETWORK
)
_GATEWAY = _meter(
    "Application Gateway/Networking/Application Gateway WAF v2/Fixed Cost", "1 Hour", "0.44311719", "24", _NETWORK
)

METERS: dict[str, tuple[Meter, ...]] = {
    "vm": (
        _meter("Virtual Machines/Compute/Dv5 Series/D2s v5", "1 Hour", "0.09613847", "24", _COMPUTE, sized=True),
        _BANDWIDTH,
    ),
    "vmss": (_meter("Virtual Machines/Compute/Dv5 Series/D2s v5", "1 Hour", "0.19213847", "24", _COMPUTE, sized=True),),
    "disk": (_DISK, _OPERATIONS),
    "snap": (_meter("Storage/Storage/Snapshots/LRS Snapshots", "1 GB/Month", "0.05031127", "1.93", _COMPUTE),),
    "it": (_meter("Storage/Storage/Images/LRS Snapshots", "1 GB/Month", "0.05031127", "0.97", _COMPUTE),),
    "asp": (
        _meter(
            "Azure App Service/Compute/Premium v3 Plan/P0 v3 App",
            "1 Hour",
            "0.08213331",
            "24",
            "Microsoft.Web",
            sized=True,
        ),
    ),
    "func": (_meter("Functions/Compute/Functions/Total Executions", "10", "0.00000231", "4831.77", "Microsoft.Web"),),
    "apim": (
        _meter(
            "API Management/Web/Developer/Unit", "1 Hour", "0.06577719", "24", "Microsoft.ApiManagement", sized=True
        ),
    ),
    "aks": (
        _meter(
            "Azure Kubernetes Service/Compute/Uptime SLA/Uptime SLA",
            "1 Hour",
            "0.10000001",
            "24",
            "Microsoft.ContainerService",
        ),
    ),
    "cr": (
        _meter(
            "Container Registry/Containers/Basic/Basic Registry Unit",
            "1/Day",
            "0.16661119",
            "1",
            "Microsoft.ContainerRegistry",
            sized=True,
        ),
    ),
    "ci": (
        _meter(
            "Container Instances/Containers/Standard/vCPU Duration",
            "1 Hour",
            "0.04050077",
            "24",
            "Microsoft.ContainerInstance",
        ),
        _meter(
            "Container Instances/Containers/Standard/Memory Duration",
            "1 GB Hour",
            "0.00445013",
            "36",
            "Microsoft.ContainerInstance",
        ),
    ),
    "ca": (
        _meter(
            "Azure Container Apps/Containers/Standard/vCPU Active Usage", "1", "0.00002417", "8640", "Microsoft.App"
        ),
    ),
    "st": (
        _meter("Storage/Storage/Tiered Block Blob/Hot LRS Data Stored", "1 GB/Month", "0.01841239", "9.1", _STORAGE),
        _meter("Storage/Storage/Tiered Block Blob/Hot Read Operations", "10K", "0.00403121", "12.7", _STORAGE),
        _meter("Storage/Storage/Tiered Block Blob/Hot LRS Write Operations", "10K", "0.05015111", "1.13", _STORAGE),
    ),
    "kv": (_VAULT,),
    "sqldb": (
        _meter(
            "SQL Database/Databases/Single Standard/S0 DTUs", "1/Day", "0.48311723", "1", "Microsoft.Sql", sized=True
        ),
        _meter(
            "SQL Database/Databases/LTR Backup Storage/LTR Data Stored",
            "1 GB/Month",
            "0.05001347",
            "0.6",
            "Microsoft.Sql",
        ),
    ),
    "cosmos": (
        _meter(
            "Azure Cosmos DB/Databases/Azure Cosmos DB/100 RU/s", "1/Hour", "0.00800117", "96", "Microsoft.DocumentDB"
        ),
    ),
    "redis": (
        _meter("Redis Cache/Databases/Basic/C1 Cache", "1 Hour", "0.05511903", "24", "Microsoft.Cache", sized=True),
    ),
    "sbns": (
        _meter("Service Bus/Integration/Standard/Base Unit", "1/Hour", "0.01344117", "24", "Microsoft.ServiceBus"),
    ),
    "evhns": (
        _meter("Event Hubs/Analytics/Standard/Throughput Unit", "1 Hour", "0.03012817", "24", "Microsoft.EventHub"),
    ),
    "adf": (
        _meter(
            "Azure Data Factory v2/Analytics/Cloud/Orchestration Activity Run",
            "1K",
            "1.00003331",
            "0.37",
            "Microsoft.DataFactory",
        ),
    ),
    "logic": (_meter("Logic Apps/Integration/Standard/Actions", "1", "0.00002511", "713", "Microsoft.Logic"),),
    "oai": (
        _meter(
            "Cognitive Services/AI + Machine Learning/OpenAI/gpt-4o Input Tokens",
            "1K",
            "0.00251337",
            "813.7",
            "Microsoft.CognitiveServices",
        ),
        _meter(
            "Cognitive Services/AI + Machine Learning/OpenAI/gpt-4o Output Tokens",
            "1K",
            "0.01002211",
            "97.3",
            "Microsoft.CognitiveServices",
        ),
    ),
    "log": (_LOGS,),
    "aa": (
        _meter(
            "Automation/Management and Governance/Process Automation/Basic Runtime",
            "1 Minute",
            "0.00201133",
            "41",
            "Microsoft.Automation",
        ),
    ),
    "rsv": (
        _meter(
            "Backup/Storage/Backup/LRS Data Stored", "1 GB/Month", "0.02241777", "8.8", "Microsoft.RecoveryServices"
        ),
    ),
    "pip": (_ADDRESS,),
    "lbe": (
        _meter(
            "Load Balancer/Networking/Load Balancer/Standard Included LB Rules", "1 Hour", "0.02511733", "24", _NETWORK
        ),
    ),
    "agw": (_GATEWAY, _BANDWIDTH),
    "afw": (_FIREWALL,),
    "bas": (_meter("Azure Bastion/Networking/Basic/Gateway", "1 Hour", "0.19007123", "24", _NETWORK, sized=True),),
    "vgw": (_meter("VPN Gateway/Networking/VpnGw1AZ/VpnGw1AZ", "1 Hour", "0.36113377", "24", _NETWORK, sized=True),),
    "ng": (_meter("NAT Gateway/Networking/NAT Gateway/Standard Gateway", "1 Hour", "0.04511719", "24", _NETWORK),),
    "pep": (
        _meter(
            "Virtual Network/Networking/Private Link/Standard Private Endpoint", "1 Hour", "0.01003771", "24", _NETWORK
        ),
    ),
    "pdnsz": (_meter("Azure DNS/Networking/Private/Private Zone", "1", "0.50011339", "0.0329", _NETWORK),),
    "dnsz": (_meter("Azure DNS/Networking/Public/Public Zone", "1", "0.50011339", "0.0329", _NETWORK),),
}
FILLERS = (_OPERATIONS, _BANDWIDTH, _VAULT, _LOGS, _ADDRESS)  # for worlds that ask for more meters than there are


def meters_of(key: str, wanted: int | None = None) -> tuple[Meter, ...]:
    """Of a type of resource; none for what is free. Exactly ``wanted``, when it is said."""
    own = METERS.get(key, ())
    if wanted is None:
        return own
    more = (FILLERS[number % len(FILLERS)] for number in range(wanted - len(own)))
    return (*own[:wanted], *more)
