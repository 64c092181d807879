"""System checks of what production shows to the network, and of what it says over it."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core import checks

from governance.limits import LIMITS

Found = list[checks.CheckMessage]
POSTGRESQL, SQL_SERVER = "governance.database.postgresql", "governance.database.mssql"
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
ENCRYPTED = frozenset({"yes", "true", "mandatory", "strict"})  # words of Microsoft's driver for Encrypt


def hosts(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """Only the names the platform is reached by: links in mails and redirects are built from the Host header."""
    if not settings.PRODUCTION:
        return []
    named = [host for host in settings.ALLOWED_HOSTS if host not in LOCAL_HOSTS]
    hint = "Set DJANGO_ALLOWED_HOSTS to the names people use, e.g. governance.example.com; no * and no leading dot."
    if not named:
        return [checks.Error("Production is reached by no name.", hint=hint, id="governance.E090")]
    if any("*" in host or host.startswith(".") for host in named):
        return [checks.Error("Production answers to any name.", hint=hint, id="governance.E090")]
    return []


def databases(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """The way to the database is encrypted, and it proves who it is: without that, encryption hides nothing."""
    if not settings.PRODUCTION:
        return []
    found = settings.DATABASES["default"]
    engine, options = found["ENGINE"], found.get("OPTIONS", {})
    if engine == POSTGRESQL and options.get("sslmode") != "verify-full":
        hint = "Add ?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt to DATABASE_URL."
        text = "PostgreSQL is not asked for its certificate: weaker modes encrypt, but to anybody."
        return [checks.Error(text, hint=hint, id="governance.E091")]
    if engine == SQL_SERVER:
        words = dict(_words(str(options.get("extra_params", ""))))
        hint = "Leave Encrypt and TrustServerCertificate out of DATABASE_URL: the defaults are yes and no."
        if words.get("encrypt", "yes") not in ENCRYPTED:
            return [checks.Error("SQL Server is spoken to in the clear.", hint=hint, id="governance.E091")]
        if words.get("trustservercertificate", "no") not in {"no", "false"}:
            return [checks.Error("SQL Server's certificate is not verified.", hint=hint, id="governance.E091")]
    return []


def cache(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """Sessions and tasks go to Redis: by TLS, with its certificate verified."""
    url = urlsplit(settings.REDIS_URL)
    if not settings.PRODUCTION or not settings.REDIS_URL:
        return []  # governance.E021 says that it is missing
    hint = "Set REDIS_URL to rediss://:password@host:6380, with nothing after the port."
    if url.scheme != "rediss":
        return [checks.Error("Redis is spoken to in the clear.", hint=hint, id="governance.E092")]
    if parse_qs(url.query) or url.path.strip("/"):
        text = "REDIS_URL says more than the address; certificates are verified, and the databases are ours to choose."
        return [checks.Error(text, hint=hint, id="governance.E092")]
    return []


def origins(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """Other origins that may call the API, or send forms: named ones, and by https."""
    if not settings.PRODUCTION:
        return []
    found: Found = []
    hint = "Name each origin as https://app.example.com; no * and no path."
    for variable, identifier in (
        ("CORS_ALLOWED_ORIGINS", "governance.E093"),
        ("CSRF_TRUSTED_ORIGINS", "governance.E094"),
    ):
        wrong = [origin for origin in getattr(settings, variable) if not _is_named_origin(origin)]
        found += [checks.Error(f"{variable} holds {origin!r}.", hint=hint, id=identifier) for origin in wrong]
    if getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False) or getattr(settings, "CORS_ALLOWED_ORIGIN_REGEXES", []):
        found.append(checks.Error("The API may be called from any origin.", hint=hint, id="governance.E093"))
    if getattr(settings, "CORS_ALLOW_CREDENTIALS", False):
        hint = "Leave CORS_ALLOW_CREDENTIALS off: programs of other origins send bearer tokens, never the cookie."
        found.append(checks.Error("Other origins may use the session.", hint=hint, id="governance.E093"))
    return found


def proxies(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """How many proxies of ours stand before the platform: their word is believed, and nobody else's."""
    hops = settings.TRUSTED_PROXY_HOPS
    hint = "Set TRUSTED_PROXY_HOPS: 1 on App Service, 2 with Front Door before it, 0 where TLS ends in the web process."
    if hops < 0:
        return [checks.Error(f"TRUSTED_PROXY_HOPS is {hops}.", hint=hint, id="governance.E095")]
    if settings.PRODUCTION and hops == 0:
        text = "No proxy is trusted: behind one, all people share one address, and every request looks like plain http."
        return [checks.Warning(text, hint=hint, id="governance.W096")]
    return []


def limits(app_configs: Sequence[Any] | None, **kwargs: Any) -> Found:
    """Production has every limit; a number of its own is fine."""
    if not settings.PRODUCTION:
        return []
    return [
        checks.Error(
            f"Production runs without the limit {limit.name!r}.", hint=_number(limit.variable), id="governance.E097"
        )
        for limit in LIMITS
        if limit.name not in settings.RATE_LIMITS
    ]


CHECKS = (hosts, databases, cache, origins, proxies, limits)


def _number(variable: str) -> str:
    return f"Unset {variable}, or give it a number as requests/seconds."


def _is_named_origin(origin: str) -> bool:
    url = urlsplit(origin)
    return url.scheme == "https" and bool(url.netloc) and "*" not in origin and not (url.path or url.query)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """The words of a connection string and their values, in lower case."""
    for part in text.split(";"):
        word, _, value = part.partition("=")
        if value:
            yield word.strip().lower(), value.strip().lower()
