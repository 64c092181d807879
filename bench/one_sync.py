"""In a fresh process: our sync, with the CPU seconds, peak memory and written rows that it took."""

import resource
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection

from governance.azure.transport import AzureConnection
from governance.tenancy import Scope, entered
from inventory.sync import sync_resources
from tenants.actions import connect_tenant
from tenants.connections import azure_access
from tenants.models import Tenant

WATCHED_TABLES = ("resources", "resource_tags", "resource_changes")


def connect(tenant: dict[str, Any]) -> dict[str, Any]:
    """Connect the simulator's tenant in the database of this process."""
    connect_tenant(
        tenant["name"],
        azure_tenant_id=UUID(tenant["tenant_id"]),
        client_id=UUID(tenant["client_id"]),
        secret_ref=f"env:{tenant['secret_variable']}",
    )
    return {}


def sync(times: int = 1) -> dict[str, Any]:
    """Sync the one tenant this often. Start-up ends with the first token; the CPU of each sync counts its own token."""
    with entered(Scope.every_tenant(reason="A bench syncs the only tenant there is.")):
        tenant = Tenant.objects.get()
    with AzureConnection(azure_access(tenant)) as azure:
        azure.token()
    runs = [_measured(tenant) for _ in range(times)]
    return {"runs": runs, "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def _measured(tenant: Tenant) -> dict[str, Any]:
    written = WrittenRows()
    started = time.process_time()
    with connection.execute_wrapper(written):
        summary = sync_resources(tenant)
    seconds = time.process_time() - started
    if summary.outcome != "ok":
        raise RuntimeError(f"The sync ended as {summary.outcome}: {summary.reason}")
    return {"cpu_seconds": seconds, "received": summary.received, "created": summary.created, "rows": written.rows}


class WrittenRows:
    """Counts the rows of the watched tables that statements other than SELECT touch."""

    def __init__(self) -> None:
        self.rows = 0
        self.names = [connection.ops.quote_name(table) for table in WATCHED_TABLES]

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        """Pass one statement on and count what it wrote."""
        answer = execute(sql, params, many, context)
        if not sql.startswith("SELECT") and any(name in sql for name in self.names):
            self.rows += max(context["cursor"].rowcount, 1)
        return answer
