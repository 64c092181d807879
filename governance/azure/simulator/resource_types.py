"""All resource types of the simulated world, by the abbreviation that the Cloud Adoption Framework gives them."""

from governance.azure.simulator.compute_types import COMPUTE_TYPES
from governance.azure.simulator.network_types import NETWORK_TYPES
from governance.azure.simulator.platform_types import PLATFORM_TYPES

RESOURCE_TYPES = {kind.key: kind for kind in COMPUTE_TYPES + NETWORK_TYPES + PLATFORM_TYPES}
