"""`manage.py prepare_demo`: what `manage.py demo` does before the platform starts. Safe to run again.

Every row it leaves comes from the doors that users use: migrations, connect_tenant, roles, and the real syncs against
the simulated Azure, whose clock it moves between them so that there is something to see.
"""

import json
import os
import ssl
import urllib.request
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from audit.models import SyncRun
from audit.runs import SyncSummary
from costs.sync import sync_costs
from governance.management.commands.sync import run_sync
from governance.management.demo_people import PEOPLE, DemoPerson
from governance.management.tenants import connected_tenants
from governance.tenancy import Scope, entered
from tenants.actions import connect_tenant, grant_role, group_tenants
from tenants.identities import bind_identity
from tenants.models import Tenant, User

HISTORY_DAYS = (0, 2, 3)  # the days the simulated Azure is moved on before each of the first syncs


class Command(BaseCommand):
    """Migrate, connect the simulated tenants, create the people, and sync for the first time."""

    help = "Prepare the demo's database (called by `manage.py demo`)."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring the demo's database to where the platform can start."""
        self._say("Database …")
        call_command("migrate", verbosity=0)
        world = _simulator("truth")
        for tenant in world["tenants"]:
            connect_tenant(
                tenant["name"],
                azure_tenant_id=UUID(tenant["tenantId"]),
                client_id=UUID(tenant["clientId"]),
                secret_ref=f"env:{tenant['name'].upper()}_CLIENT_SECRET",
            )
        accounts = {account["email"]: account for account in _simulator("people")["people"]}
        for person in PEOPLE:
            _create(person)
            _bind(person, accounts[person.email])
        _group("retail", ("contoso", "fabrikam"))
        self._say(f"{len(world['tenants'])} tenants, {len(PEOPLE)} people.")
        if not _was_synced("costs"):
            self._first_syncs(HISTORY_DAYS if not _was_synced("resources") else (0,))
        _catch_up()

    def _first_syncs(self, history: Collection[int]) -> None:
        """Resources and costs as they were some days ago, then as they are: so there are changes, and what moved."""
        for days in history:
            if days:
                _simulator("clock", {"advance_days": days})
            for tenant in connected_tenants():
                with entered(Scope.of(tenant.id)):
                    self._tell(run_sync("resources", tenant))
                    self._tell(sync_costs(tenant, today=_simulated_today()))

    def _tell(self, done: SyncSummary) -> None:
        counts = f"{done.created} created, {done.changed} changed, {done.gone} gone"
        self._say(f"{done.tenant} {done.kind}: {done.outcome}, {done.received} received, {counts}.")

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def _was_synced(kind: str) -> bool:
    with entered(Scope.every_tenant(reason="The demo looks whether it ran before.")):
        return bool(SyncRun.objects.of_kind(kind).finished().exists())


def _simulated_today() -> date:
    return date.fromisoformat(_simulator("health")["date"])


def _catch_up() -> None:
    """A demo that is started again some days later finds its Azure as many days older."""
    missed = (datetime.now(UTC).date() - _simulated_today()).days
    if missed > 0:
        _simulator("clock", {"advance_days": missed})


@transaction.atomic
def _create(person: DemoPerson) -> None:
    everybody = User.objects.across_tenants(reason="The demo looks whom it made before.")
    if everybody.filter(email=person.email).exists():
        return
    user = User.objects.create_user(
        person.email, name=person.name, password=os.environ["DEMO_PASSWORD"], platform_role=person.platform_role
    )
    for name, role in person.roles.items():
        with entered(Scope.every_tenant(reason="The demo gives its people their roles.")):
            tenant = Tenant.objects.get(name=name)
        grant_role(user, tenant, role)


def _bind(person: DemoPerson, account: dict[str, str]) -> None:
    """Anew at each start: the simulator's port is part of the issuer."""
    bind_identity(User.objects.get_by_natural_key(person.email), account["issuer"], account["subject"])


def _group(name: str, tenants: Collection[str]) -> None:
    with entered(Scope.every_tenant(reason="The demo groups its tenants.")):
        group_tenants(name, list(Tenant.objects.filter(name__in=tenants)))


def _simulator(what: str, command: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the simulator's control surface, or tell it something."""
    body = json.dumps(command).encode() if command is not None else None
    request = urllib.request.Request(f"{settings.AZURE_ARM_ENDPOINT}/_simulator/{what}", data=body)  # noqa: S310
    trust = ssl.create_default_context(cafile=settings.AZURE_CA_FILE)
    with urllib.request.urlopen(request, context=trust, timeout=60) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
        return answer
