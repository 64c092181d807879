"""System checks: settings that contradict each other or the place they run in. `manage.py check` lists them."""

from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import connection

from governance import deployment, doors, pdf
from governance.schedules import COST_ROWS_KEPT_MONTHS
from governance.storage import insecure_endpoint

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
SMTP = "django.core.mail.backends.smtp.EmailBackend"
B2C_HOSTS = (".b2clogin.com", ".b2clogin.us", ".b2clogin.cn")
ENDPOINTS = ("AZURE_AUTHORITY_HOST", "AZURE_ARM_ENDPOINT", "AZURE_GRAPH_ENDPOINT")


def register_all() -> None:
    """Make the checks part of `manage.py check` and of every start."""
    own = (environment, azure_endpoints, redis, database, containers, costs, mail, pdf_libraries, token_providers)
    for check in (*own, *deployment.CHECKS):
        checks.register(check, checks.Tags.compatibility)
    checks.register(doors.gate_stands, checks.Tags.compatibility)
    checks.register(doors.every_door_names_its_permission, checks.Tags.urls)


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


def containers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Exports and reports are tenants' data: in production in Azure Blob Storage by https, never in a served folder."""
    found: list[checks.CheckMessage] = []
    text, account = settings.AZURE_STORAGE_CONNECTION_STRING, settings.AZURE_STORAGE_ACCOUNT
    if text and account:
        hint = "Unset one of them; with AZURE_STORAGE_ACCOUNT no secret is needed."
        both = "AZURE_STORAGE_CONNECTION_STRING and AZURE_STORAGE_ACCOUNT are both set."
        found.append(checks.Error(both, hint=hint, id="governance.E044"))
    if settings.PRODUCTION and not (text or account):
        hint = "Set AZURE_STORAGE_ACCOUNT (or AZURE_STORAGE_CONNECTION_STRING): web and worker need the same files."
        found.append(checks.Error("Production keeps exports and reports in a folder.", hint=hint, id="governance.E041"))
    if settings.PRODUCTION and insecure_endpoint(text):
        hint = "Use DefaultEndpointsProtocol=https and https:// endpoints: what is downloaded is tenants' data."
        found.append(checks.Error("The blob endpoint is not https.", hint=hint, id="governance.E042"))
    served = [Path(settings.STATIC_ROOT).resolve(), settings.BASE_DIR / "governance" / "static"]
    folder = Path(settings.STORAGE_FOLDER).resolve()
    if not (text or account) and any(folder.is_relative_to(place) for place in served):
        hint = "Set STORAGE_FOLDER to a folder that no server hands out."
        found.append(checks.Error("STORAGE_FOLDER lies in a served folder.", hint=hint, id="governance.E043"))
    return found


def costs(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Sums live at least as long as the rows they are made of."""
    if settings.COST_SUMS_KEPT_MONTHS >= COST_ROWS_KEPT_MONTHS:
        return []
    hint = f"Unset it, or set it to {COST_ROWS_KEPT_MONTHS} or more: rows are kept that long, and their sums with them."
    text = f"COST_SUMS_KEPT_MONTHS is {settings.COST_SUMS_KEPT_MONTHS}."
    return [checks.Error(text, hint=hint, id="governance.E051")]


def mail(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Who can read an invitation can accept it: in production it travels encrypted, and its link leads to https."""
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    if settings.EMAIL_BACKEND != SMTP or not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        hint = "Set EMAIL_URL to submission://user:password@host:587, or smtp://user:password@host:465/?ssl=true."
        found.append(checks.Error("Production does not send mail by SMTP with TLS.", hint=hint, id="governance.E075"))
    if urlsplit(settings.PORTAL_URL).scheme != "https":
        hint = "Set PORTAL_URL to the portal's own address, e.g. https://governance.example.com."
        found.append(checks.Error("The links in mails do not lead to https.", hint=hint, id="governance.E076"))
    if parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] in {"", "localhost"}:
        hint = "Set DEFAULT_FROM_EMAIL to an address that the mail server sends for, e.g. governance@example.com."
        found.append(checks.Error("Mails have no sender that can be answered.", hint=hint, id="governance.E077"))
    return found


def token_providers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Of Azure AD B2C the user flows have to be listed; and each token is judged by one provider."""
    found: list[checks.CheckMessage] = []
    judged: set[tuple[str, str]] = set()
    for provider in settings.API_TOKEN_PROVIDERS:
        if (urlsplit(provider.issuer).hostname or "").endswith(B2C_HOSTS) and not provider.policies:
            hint = "Give policies: a token of a password reset has the same issuer as one of a sign-in."
            text = f"API_TOKEN_PROVIDERS lists no user flow of {provider.issuer}."
            found.append(checks.Error(text, hint=hint, id="governance.E065"))
        mine = {(provider.issuer, policy) for policy in provider.policies or {""}}
        if mine & judged:
            hint = "Remove one: the second would never be asked."
            text = f"API_TOKEN_PROVIDERS names {provider.issuer} twice."
            found.append(checks.Error(text, hint=hint, id="governance.E066"))
        judged |= mine
    return found


def pdf_libraries(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """A worker needs the system's libraries for PDF; where they are missing every report fails, and says so."""
    missing = pdf.missing_packages()
    if not missing:
        return []
    hint = f"On Debian: apt-get install {' '.join(missing)} fonts-dejavu-core. Only workers need them."
    return [checks.Warning("The libraries that make PDF reports are missing here.", hint=hint, id="governance.W051")]
