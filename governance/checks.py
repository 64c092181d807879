"""System checks: settings that contradict each other or the place they run in. `manage.py check` lists them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import connection

MICROSOFT_HOSTS = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
    "graph.microsoft.com",
    "graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
)
ENDPOINTS = ("AZURE_AUTHORITY_HOST", "AZURE_ARM_ENDPOINT", "AZURE_GRAPH_ENDPOINT")


def register_all() -> None:
    """Make the checks part of `manage.py check` and of every start."""
    for check in (environment, azure_endpoints, redis, database):
        checks.register(check, checks.Tags.compatibility)


def environment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """GOVERNANCE_ENVIRONMENT is one of two words, and production has what production needs."""
    found: list[checks.CheckMessage] = []
    if settings.ENVIRONMENT not in {"development", "production"}:
        hint = "Use development or production."
        found.append(
            checks.Error(f"GOVERNANCE_ENVIRONMENT is {settings.ENVIRONMENT!r}.", hint=hint, id="governance.E001")
        )
    if settings.PRODUCTION and settings.SECRET_KEY == settings.INSECURE_KEY:
        hint = "Set DJANGO_SECRET_KEY (or DJANGO_SECRET_KEY_FILE) to 50 random characters."
        found.append(checks.Error("Production runs with the development key.", hint=hint, id="governance.E002"))
    if settings.PRODUCTION and settings.DEBUG:
        hint = "Unset DJANGO_DEBUG: its error pages show settings and data."
        found.append(checks.Error("Production runs with DEBUG.", hint=hint, id="governance.E003"))
    return found


def azure_endpoints(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Azure is spoken to over https only; in production only at Microsoft's own hosts, since tokens go there."""
    found: list[checks.CheckMessage] = []
    for name in ENDPOINTS:
        url = urlsplit(getattr(settings, name))
        if url.scheme != "https":
            hint = "Give an https:// address; the simulator speaks TLS too."
            found.append(checks.Error(f"{name} is not an https address.", hint=hint, id="governance.E011"))
        elif settings.PRODUCTION and url.hostname not in MICROSOFT_HOSTS:
            hint = f"In production it must be one of Microsoft's: {', '.join(MICROSOFT_HOSTS)}."
            found.append(checks.Error(f"{name} points to {url.hostname}.", hint=hint, id="governance.E012"))
    if settings.PRODUCTION and settings.AZURE_CA_FILE:
        hint = "Unset AZURE_CA_FILE: Microsoft's certificates are verified with the system's."
        found.append(checks.Error("Production trusts a CA of its own for Azure.", hint=hint, id="governance.E013"))
    return found


def redis(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Without Redis there is no worker, no schedule and no shared cache; production does not start like that."""
    if settings.REDIS_URL:
        return []
    text = "REDIS_URL is not set: no worker, no schedule, and each process caches for itself."
    hint = "Set REDIS_URL to any Redis or Valkey, e.g. redis://127.0.0.1:6379."
    return [checks.Error(text, hint=hint, id="governance.E021")] if settings.PRODUCTION else []


def database(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Which guards hold: on SQLite the tenant guard of the ORM stands alone."""
    if settings.PRODUCTION and connection.vendor == "sqlite":
        hint = "Set DATABASE_URL to mssql:// (Azure SQL) or postgres://."
        return [checks.Error("Production runs on SQLite.", hint=hint, id="governance.E031")]
    return []
