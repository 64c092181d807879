"""The app of costs."""

from django.apps import AppConfig


class CostsConfig(AppConfig):
    """Money: what Azure charges, day by day, and what moved afterwards."""

    name = "costs"
