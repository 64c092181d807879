"""System checks of how people sign in: settings that are missing, contradict each other or lead to the wrong place."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

B2C_SETTINGS = ("HOST", "TENANT", "POLICY", "CLIENT_ID", "CLIENT_SECRET")
OIDC_SETTINGS = ("AUTHORITY", "CLIENT_ID", "CLIENT_SECRET")
HOST = re.compile(r"\A[a-z0-9.-]+(:\d+)?\Z", re.IGNORECASE)
OPEN_AUTHORITIES = ("/common/", "/organizations/")  # of Entra ID: any of its tenants signs in there
PERSONAL_ACCOUNTS = "/consumers/"


def register_all() -> None:
    """Make the checks part of `manage.py check` and of every start."""
    for check in (sign_in, b2c, oidc):
        checks.register(check, checks.Tags.compatibility)


def sign_in(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Somebody can sign in; in production with an identity provider, passwords being for emergencies."""
    has_provider = bool(settings.SIGN_IN_B2C_HOST or settings.SIGN_IN_OIDC_AUTHORITY)
    if not has_provider and not settings.SIGN_IN_LOCAL:
        hint = "Set SIGN_IN_B2C_HOST and what belongs to it, or SIGN_IN_OIDC_AUTHORITY; see .env.example."
        return [checks.Error("Nobody can sign in: no identity provider is named.", hint=hint, id="governance.E060")]
    if settings.PRODUCTION and settings.SIGN_IN_LOCAL:
        hint = "Unset SIGN_IN_LOCAL. In an emergency, manage.py break_glass gives an admin a password for some hours."
        return [checks.Warning("Production lets people in by passwords kept here.", hint=hint, id="governance.W061")]
    return []


def b2c(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Azure AD B2C is named in full: the host without scheme, the tenant by its domain or ID, a user flow."""
    found = _incomplete("SIGN_IN_B2C_", B2C_SETTINGS)
    host, policy = settings.SIGN_IN_B2C_HOST, settings.SIGN_IN_B2C_POLICY
    if policy and not policy.lower().startswith("b2c_1"):
        hint = "Give the ID of a user flow or custom policy, e.g. b2c_1_signupsignin1."
        found.append(checks.Error(f"SIGN_IN_B2C_POLICY is {policy!r}.", hint=hint, id="governance.E063"))
    if host and not HOST.match(host):
        hint = "Give the host alone, e.g. contoso.b2clogin.com or your custom domain: https is always used."
        found.append(checks.Error(f"SIGN_IN_B2C_HOST is {host!r}.", hint=hint, id="governance.E064"))
    elif host:
        found += _unfit_for_production("SIGN_IN_B2C_HOST", f"https://{host}")
    return found


def oidc(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The other provider is named in full and over https; where several tenants sign in, they are listed."""
    found = _incomplete("SIGN_IN_OIDC_", OIDC_SETTINGS)
    authority, allowed = settings.SIGN_IN_OIDC_AUTHORITY, settings.SIGN_IN_OIDC_TENANTS
    if not authority:
        return found
    parts = urlsplit(authority)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.username:
        hint = "Give an https address without query, e.g. https://login.microsoftonline.com/<tenant ID>/v2.0."
        found.append(checks.Error("SIGN_IN_OIDC_AUTHORITY is no https address.", hint=hint, id="governance.E065"))
        return found
    is_open = any(word in f"{parts.path}/" for word in OPEN_AUTHORITIES)
    if PERSONAL_ACCOUNTS in f"{parts.path}/" or (is_open and not allowed):
        hint = "List the IDs of the tenants whose people may sign in in SIGN_IN_OIDC_TENANTS, or name one tenant."
        text = "SIGN_IN_OIDC_AUTHORITY lets the people of any tenant sign in."
        found.append(checks.Error(text, hint=hint, id="governance.E066"))
    if allowed and not is_open:
        hint = "Unset SIGN_IN_OIDC_TENANTS: this authority has one issuer, and only that one signs in."
        text = "SIGN_IN_OIDC_TENANTS lists tenants for an authority of one."
        found.append(checks.Error(text, hint=hint, id="governance.E067"))
    return found + _unfit_for_production("SIGN_IN_OIDC_AUTHORITY", authority)


def _incomplete(prefix: str, names: Sequence[str]) -> list[checks.CheckMessage]:
    missing = [f"{prefix}{name}" for name in names if not getattr(settings, f"{prefix}{name}")]
    if not missing or len(missing) == len(names):
        return []
    hint = f"Set all of {', '.join(prefix + name for name in names)}, or none."
    text = f"An identity provider is named by halves: {', '.join(missing)} is not set."
    return [checks.Error(text, hint=hint, id="governance.E062")]


def _unfit_for_production(name: str, address: str) -> list[checks.CheckMessage]:
    """A simulated provider, or one on this machine, lets anybody in."""
    host = urlsplit(address).hostname or ""
    if not settings.PRODUCTION or not (_is_address(host) or "." not in host or host.endswith(".localhost")):
        return []
    hint = "Give the public name of the identity provider."
    return [checks.Error(f"{name} points to {host}.", hint=hint, id="governance.E068")]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
