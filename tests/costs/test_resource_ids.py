"""What the id of a resource says about it."""

import pytest

from costs.resource_ids import parts_of

GROUP = "/subscriptions/S/resourceGroups/RG-Orders"


@pytest.mark.parametrize(
    ("azure_id", "name", "kind", "group"),
    [
        (f"{GROUP}/providers/Microsoft.Compute/disks/Disk1", "Disk1", "microsoft.compute/disks", "rg-orders"),
        (
            f"{GROUP}/providers/Microsoft.Sql/servers/One/databases/Two",
            "Two",
            "microsoft.sql/servers/databases",
            "rg-orders",
        ),
        (
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm/providers/Microsoft.Insights/alerts/a",
            "a",
            "microsoft.insights/alerts",
            "rg-orders",
        ),
        ("/subscriptions/S/providers/Microsoft.Security/pricings/VMs", "VMs", "microsoft.security/pricings", ""),
        (GROUP, "RG-Orders", "", "rg-orders"),
        ("not an id", "not an id", "", ""),
        ("/", "/", "", ""),
    ],
)
def test_an_id_names_the_resource(azure_id: str, name: str, kind: str, group: str) -> None:
    assert parts_of(azure_id) == (name, kind, group)
