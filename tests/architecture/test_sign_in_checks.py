"""System checks of sign-in: what is missing or contradicts itself is named with what to do about it."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core import checks

from governance import sign_in_checks

TENANT = "5cf3f3a4-8b0e-4a3e-9d2a-6b1f6b7c0001"
B2C: dict[str, Any] = {
    "SIGN_IN_B2C_HOST": "login.contoso.com",
    "SIGN_IN_B2C_TENANT": "contoso.onmicrosoft.com",
    "SIGN_IN_B2C_POLICY": "B2C_1_SignUpSignIn1",
    "SIGN_IN_B2C_CLIENT_ID": "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6",
    "SIGN_IN_B2C_CLIENT_SECRET": "a secret",
}
OIDC: dict[str, Any] = {
    "SIGN_IN_OIDC_AUTHORITY": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "SIGN_IN_OIDC_CLIENT_ID": "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6",
    "SIGN_IN_OIDC_CLIENT_SECRET": "a secret",
    "SIGN_IN_OIDC_TENANTS": [],
}
ORGANIZATIONS = "https://login.microsoftonline.com/organizations/v2.0"
SOUND: dict[str, dict[str, Any]] = {
    "both": {},
    "B2C alone": dict.fromkeys(OIDC, ""),
    "OIDC alone": dict.fromkeys(B2C, ""),
    "several tenants": {"SIGN_IN_OIDC_AUTHORITY": ORGANIZATIONS, "SIGN_IN_OIDC_TENANTS": [TENANT]},
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("governance.E060", dict.fromkeys((*B2C, *OIDC), "")),
    ("governance.W061", {"SIGN_IN_LOCAL": True}),
    ("governance.E062", {"SIGN_IN_B2C_CLIENT_SECRET": ""}),
    ("governance.E062", {"SIGN_IN_B2C_HOST": ""}),
    ("governance.E062", {"SIGN_IN_OIDC_CLIENT_ID": ""}),
    ("governance.E063", {"SIGN_IN_B2C_POLICY": "signupsignin1"}),
    ("governance.E064", {"SIGN_IN_B2C_HOST": "https://login.contoso.com"}),
    ("governance.E064", {"SIGN_IN_B2C_HOST": "login.contoso.com/contoso"}),
    ("governance.E065", {"SIGN_IN_OIDC_AUTHORITY": "http://login.microsoftonline.com/x/v2.0"}),
    ("governance.E065", {"SIGN_IN_OIDC_AUTHORITY": "login.microsoftonline.com/x/v2.0"}),
    ("governance.E066", {"SIGN_IN_OIDC_AUTHORITY": ORGANIZATIONS}),
    ("governance.E066", {"SIGN_IN_OIDC_AUTHORITY": "https://login.microsoftonline.com/common/v2.0"}),
    ("governance.E066", {"SIGN_IN_OIDC_AUTHORITY": "https://login.microsoftonline.com/consumers/v2.0"}),
    ("governance.E067", {"SIGN_IN_OIDC_TENANTS": [TENANT]}),
    ("governance.E068", {"SIGN_IN_B2C_HOST": "127.0.0.1:8443"}),
    ("governance.E068", {"SIGN_IN_B2C_HOST": "localhost:8443"}),
    ("governance.E068", {"SIGN_IN_OIDC_AUTHORITY": "https://[::1]:8443/x/v2.0"}),
]


def found(settings: LazySettings, **wrong: Any) -> list[checks.CheckMessage]:
    """What the checks say of production with these settings wrong."""
    for name, value in {"PRODUCTION": True, "SIGN_IN_LOCAL": False, **B2C, **OIDC, **wrong}.items():
        setattr(settings, name, value)
    which = (sign_in_checks.sign_in, sign_in_checks.b2c, sign_in_checks.oidc)
    return [message for check in which for message in check(app_configs=None)]


@pytest.mark.parametrize("how", SOUND)
def test_a_sound_production_is_silent(settings: LazySettings, how: str) -> None:
    assert found(settings, **SOUND[how]) == []


@pytest.mark.parametrize(("identifier", "wrong"), CASES)
def test_a_contradiction_is_named_with_a_hint(settings: LazySettings, identifier: str, wrong: dict[str, Any]) -> None:
    messages = found(settings, **wrong)

    assert {message.id for message in messages} == {identifier}
    assert all(message.hint for message in messages)


def test_the_simulator_may_be_the_provider_in_development(settings: LazySettings) -> None:
    assert found(settings, PRODUCTION=False, SIGN_IN_B2C_HOST="127.0.0.1:8443") == []


def test_the_checks_are_part_of_manage_py_check() -> None:
    assert {sign_in_checks.sign_in, sign_in_checks.b2c, sign_in_checks.oidc} <= set(
        checks.registry.registry.get_checks()
    )
