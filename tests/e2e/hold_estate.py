"""`python -m tests.e2e.hold_estate FOLDER PORTAL`: make the estate, print a JSON line, and be its Azure till ended."""

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

from governance.azure.simulator.server import Simulator


def main() -> None:
    """Serve the simulated Azure first: the syncs that make the estate need it."""
    django.setup()
    from tests.conftest import secret_variable
    from tests.e2e.estate import COST_SOURCES, DAYS, RESOURCES, make, point_to, register, sign_in_with

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    world: dict[str, Any] = {
        "tenants": len(RESOURCES),
        "resources_per_tenant": RESOURCES,
        "day_zero": datetime.now(UTC).date() - timedelta(days=DAYS),
        "meters_per_resource": 1,
        "cost_sources": COST_SOURCES,
    }
    with Simulator(folder=Path(sys.argv[1]), **world) as azure:
        environment = {
            "AZURE_AUTHORITY_HOST": azure.url,
            "AZURE_ARM_ENDPOINT": azure.url,
            "AZURE_BLOB_ENDPOINT": azure.blob_endpoint,
            "AZURE_CA_FILE": str(azure.ca_file),
            **sign_in_with(azure),
            **{secret_variable(tenant.name): tenant.client_secret for tenant in azure.tenants},
        }
        os.environ |= environment
        point_to(azure)
        register(azure, sys.argv[2])
        estate = make(azure)
        django.db.connections.close_all()
        sys.stdout.write(json.dumps({**estate, "environment": environment}) + "\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
