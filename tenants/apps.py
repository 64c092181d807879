"""Who: tenants, subscriptions, people and their roles."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """The tenants app."""

    name = "tenants"
