"""`manage.py preflight`: can we read this tenant, and if not, what is to be done?"""

import sys
from argparse import ArgumentParser
from typing import Any

from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from governance.management.tenants import named_tenant
from tenants.actions import note_preflight
from tenants.connections import azure_access
from tenants.preflight import is_readable, preflight

SIGNS = {True: "ok    ", False: "FAILED", None: "-     "}


class Command(ActingCommand):
    """Ask Azure for a token, the subscriptions, a resource group of each and Resource Graph; each no has its remedy."""

    help = "Check that a tenant can be read. Exit status 0 when every check passed, 1 when one failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The tenant."""
        parser.add_argument("name")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each check with its remedy."""
        with named_tenant(options["name"]) as tenant:
            checks = preflight(azure_access(tenant))
            note_preflight(tenant, {check.name: check.passed for check in checks})
        for check in checks:
            remedy = f"\n       Remedy: {check.remedy}" if check.remedy else ""
            words = f"{SIGNS[check.passed]} {check.name}: {check.finding}{remedy}"
            answer(self, check, words, as_json=options["as_json"])
        if not is_readable(checks):
            sys.exit(1)
