"""In a fresh process: the least that has to be done to get the same rows into the same table.

It downloads the same Resource Graph pages with a plain `requests` session and a bearer token, decodes them, and does
one executemany. No tags, no change log, no checks, no receipts, no second chance.
"""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import requests
from django.conf import settings
from django.db import connection

from governance.azure.credentials import open_credential
from governance.azure.resource_graph import PAGE_ROWS, PATH, RESOURCES_QUERY
from governance.keys import new_id
from governance.tenancy import Scope, entered
from inventory.models import Resource
from inventory.store import RESOURCE_COLUMNS
from tenants.connections import azure_access
from tenants.models import Subscription, Tenant


def load(subscription_ids: list[str]) -> dict[str, Any]:
    """Download, decode and insert. Start-up ends with the token."""
    with entered(Scope.every_tenant(reason="A bench loads the only tenant there is.")):
        tenant = Tenant.objects.get()
        keys = _subscription_keys(tenant, subscription_ids)
    access = azure_access(tenant)
    token = open_credential(access).get_token(f"{access.arm_endpoint}/.default").token
    started = time.process_time()
    with requests.Session() as session:
        session.trust_env, session.verify = False, access.ca_file  # no proxy or CA bundle of the environment
        session.headers["Authorization"] = f"Bearer {token}"
        downloaded = [row for page in _pages(session, subscription_ids) for row in page]
    rows = _rows(downloaded, tenant.id, keys)
    _insert(rows)
    return {"cpu_seconds": time.process_time() - started, "received": len(rows)}


def _subscription_keys(tenant: Tenant, subscription_ids: list[str]) -> dict[str, UUID]:
    now = datetime.now(UTC)
    return {
        one: Subscription.objects.create(tenant=tenant, subscription_id=one, name=one, first_seen_at=now).id
        for one in subscription_ids
    }


def _pages(session: requests.Session, subscription_ids: list[str]) -> Any:
    options: dict[str, Any] = {"$top": PAGE_ROWS, "resultFormat": "objectArray"}
    while True:
        question: Any = {"subscriptions": subscription_ids, "query": RESOURCES_QUERY, "options": options}
        response = session.post(f"{settings.AZURE_ARM_ENDPOINT}{PATH}", json=question)
        response.raise_for_status()
        answer = orjson.loads(response.content)
        yield answer["data"]
        if not answer.get("$skipToken"):
            return
        options["$skipToken"] = answer["$skipToken"]


def _rows(downloaded: list[dict[str, Any]], tenant_id: UUID, keys: dict[str, UUID]) -> list[tuple[Any, ...]]:
    adapt: Any = (lambda key: key.hex) if connection.vendor == "sqlite" else (lambda key: key)
    tenant, now = adapt(tenant_id), datetime.now(UTC)
    moment: Any = str(now.replace(tzinfo=None)) if connection.vendor == "sqlite" else now
    adapted = {one: adapt(key) for one, key in keys.items()}
    return [_row(row, adapt(new_id()), tenant, adapted[row["subscriptionId"]], moment) for row in downloaded]


def _row(row: dict[str, Any], key: Any, tenant: Any, subscription: Any, moment: Any) -> tuple[Any, ...]:
    properties = orjson.dumps(row["properties"])
    return (
        tenant,
        key,
        subscription,
        row["id"],
        hashlib.sha256(row["id"].lower().encode()).hexdigest(),
        row["name"],
        row["type"],
        row["kind"] or "",
        row["location"] or "",
        row["resourceGroup"] or "",
        row["managedBy"] or "",
        orjson.dumps(row["tags"] or {}).decode(),
        orjson.dumps(row["sku"] or {}).decode(),
        orjson.dumps(row["zones"] or []).decode(),
        orjson.dumps(row["identity"] or {}).decode(),
        properties.decode(),
        hashlib.sha256(properties).hexdigest(),
        "",
        moment,
        moment,
        None,
        None,
    )


def _insert(rows: list[tuple[Any, ...]]) -> None:
    fields: list[Any] = [Resource._meta.get_field(name) for name in RESOURCE_COLUMNS]
    names, marks = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.executemany(f'INSERT INTO "{Resource._meta.db_table}" ({names}) VALUES ({marks})', rows)
        cursor.execute("COMMIT")
