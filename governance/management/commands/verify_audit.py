"""`manage.py verify_audit`: prove the audit trail, or name the first broken link."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from audit.standalone.verify_audit import BrokenError
from audit.trail import PLATFORM
from audit.verification import known_chains, verify
from governance.management.answers import add_json_option, answer
from governance.management.tenants import every_tenant, named_tenant


class Command(BaseCommand):
    """Recompute every event, compare the end with the head and every anchor with its event; in flat memory."""

    help = (
        "Verify the audit trail against itself and its anchors. Exit status: 0 every chain is unbroken, "
        "1 a chain is broken, 2 wrong usage. What lies after the last anchor is named as unanchored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which chains."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", metavar="NAME", help="the chain of this tenant")
        which.add_argument("--platform", action="store_true", help="the platform's own chain")
        which.add_argument("--all", action="store_true", help="every chain (the default)")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify each chain; the first broken link of each is named."""
        names = {tenant.id: tenant.name for tenant in every_tenant()}
        broken = [chain for chain in _chains(options, names) if not self._verified(chain, names, options)]
        if broken:
            sys.exit(1)

    def _verified(self, chain: UUID, names: dict[UUID, str], options: dict[str, Any]) -> bool:
        name = "the platform" if chain == PLATFORM else names.get(chain, "a tenant that is not there any more")
        try:
            proof = verify(chain)
        except BrokenError as error:
            fact = {"of": name, "chain": error.chain, "broken_at": error.sequence, "what": error.what}
            answer(self, fact, f"BROKEN, of {name}: {error}.", as_json=options["as_json"])
            return False
        answer(self, {"of": name, **asdict(proof)}, f"{name}: {proof.words()}", as_json=options["as_json"])
        return True


def _chains(options: dict[str, Any], names: dict[UUID, str]) -> list[UUID]:
    if options["platform"]:
        return [PLATFORM]
    if options["tenant"]:
        with named_tenant(options["tenant"]) as tenant:
            return [tenant.id]
    return sorted({PLATFORM, *names, *known_chains()})
