"""`manage.py offboard_subscription`: a subscription that Azure no longer shows is gone for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from governance.management.tenants import named_tenant
from inventory.actions import off_board_subscription
from tenants.models import Subscription


class Command(ActingCommand):
    """Until a person says so, a lost subscription keeps every run partial: losing access is no proof of deletion."""

    help = "Stop expecting a subscription that is no longer visible; its resources count as deleted from now on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The tenant and Azure's id of the subscription."""
        parser.add_argument("tenant")
        parser.add_argument("subscription_id")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Off-board it, or say why not."""
        with named_tenant(options["tenant"]) as tenant:
            wanted = options["subscription_id"].strip().lower()
            subscription = Subscription.objects.for_tenant(tenant.id).filter(subscription_id=wanted).first()
            if subscription is None:
                raise CommandError(f"{tenant.name} has no subscription {wanted}.")
            try:
                resources = off_board_subscription(subscription, now=timezone.now())
            except ValueError as error:
                raise CommandError(str(error)) from error
        fact = {"tenant": tenant.name, "subscription": wanted, "resources_deleted": resources}
        words = f"{subscription.name} is off-boarded; {resources} resource(s) count as deleted."
        answer(self, fact, words, as_json=options["as_json"])
