"""Names as the Cloud Adoption Framework advises: vm-orders-prod-weu-01, rg-orders-prod, stordersprodweu01.

https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-naming
"""

TENANTS = (
    "contoso",
    "fabrikam",
    "northwind",
    "tailwind",
    "adventureworks",
    "wideworld",
    "litware",
    "proseware",
    "woodgrove",
    "lamna",
)
SUBSCRIPTIONS = ("production", "development", "shared-services", "sandbox", "connectivity", "identity", "analytics")
WORKLOADS = (
    "orders",
    "billing",
    "catalog",
    "identity",
    "payments",
    "search",
    "reporting",
    "website",
    "crm",
    "hr",
    "warehouse",
    "mobile",
    "iot",
    "ledger",
    "archive",
    "partner",
)
ENVIRONMENTS = ("prod", "dev", "test", "uat")
REGIONS = {
    "westeurope": "weu",
    "northeurope": "neu",
    "germanywestcentral": "gwc",
    "switzerlandnorth": "szn",
    "uksouth": "uks",
    "francecentral": "frc",
    "swedencentral": "sdc",
    "eastus": "eus",
    "eastus2": "eus2",
    "westus2": "wus2",
    "southeastasia": "sea",
}
GLOBAL = "global"
LONGEST_PLAIN_NAME = 24  # characters: storage accounts and key vaults


def tenant_name(number: int) -> str:
    return TENANTS[number] if number < len(TENANTS) else f"tenant{number + 1:03d}"


def subscription_name(tenant: str, number: int) -> str:
    topic = SUBSCRIPTIONS[number % len(SUBSCRIPTIONS)]
    again = number // len(SUBSCRIPTIONS)
    return f"{tenant}-{topic}" if not again else f"{tenant}-{topic}-{again + 1:02d}"


def dashed_name(abbreviation: str, stem: str, ordinal: int) -> str:
    return f"{abbreviation}-{stem}-{ordinal:02d}"


def plain_name(abbreviation: str, stem: str, ordinal: int, mark: str) -> str:
    """Lower-case letters and digits only; the mark keeps names of the whole world apart."""
    ending = f"{ordinal:02d}{mark}"
    start = f"{abbreviation}{stem}".replace("-", "")
    return start[: LONGEST_PLAIN_NAME - len(ending)] + ending
