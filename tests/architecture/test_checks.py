"""System checks: each contradiction is named with what to do about it."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core import checks

from governance import checks as ours
from governance.pdf import LIBRARIES
from governance.token_providers import Provider

PRODUCTION: dict[str, Any] = {
    "ENVIRONMENT": "production",
    "PRODUCTION": True,
    "SECRET_KEY": "x" * 50,
    "REDIS_URL": "rediss://cache:6380",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com",
    "AZURE_ARM_ENDPOINT": "https://management.azure.com",
    "AZURE_GRAPH_ENDPOINT": "https://graph.microsoft.com",
    "AZURE_CA_FILE": "",
    "AZURE_STORAGE_ACCOUNT": "contosogovernance",
    "AZURE_STORAGE_CONNECTION_STRING": "",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_USE_TLS": True,
    "EMAIL_USE_SSL": False,
    "PORTAL_URL": "https://governance.example.com",
    "DEFAULT_FROM_EMAIL": "Governance <governance@example.com>",
}
SECURE = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=eA==;EndpointSuffix=core.windows.net"


def by_text(connection_string: str) -> dict[str, Any]:
    """Storage by connection string alone."""
    return {"AZURE_STORAGE_ACCOUNT": "", "AZURE_STORAGE_CONNECTION_STRING": connection_string}


def provider(**changes: Any) -> Provider:
    """Of Azure AD B2C, with its user flow."""
    usual: dict[str, Any] = {
        "issuer": "https://contoso.b2clogin.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0/",
        "discovery_url": "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_in/v2.0/.well-known/openid-configuration",
        "audience": "an application",
        "scope": "access",
        "policies": frozenset({"b2c_1_in"}),
    }
    return Provider(**{**usual, **changes})


CASES = [
    ("governance.E001", {"ENVIRONMENT": "staging"}),
    ("governance.E002", {"SECRET_KEY": "insecure-development-key-never-used-in-production"}),
    ("governance.E003", {"DEBUG": True}),
    ("governance.E011", {"AZURE_ARM_ENDPOINT": "http://management.azure.com"}),
    ("governance.E012", {"AZURE_ARM_ENDPOINT": "https://127.0.0.1:8443"}),
    ("governance.E012", {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com.evil.example"}),
    ("governance.E012", {"AZURE_GRAPH_ENDPOINT": "https://graph.example"}),
    ("governance.E051", {"COST_SUMS_KEPT_MONTHS": 12}),
    ("governance.E065", {"API_TOKEN_PROVIDERS": (provider(policies=frozenset()),)}),
    ("governance.E066", {"API_TOKEN_PROVIDERS": (provider(), provider(audience="another"))}),
    ("governance.E013", {"AZURE_CA_FILE": "/etc/ssl/own.pem"}),
    ("governance.E021", {"REDIS_URL": ""}),
    ("governance.E041", {"AZURE_STORAGE_ACCOUNT": ""}),
    ("governance.E042", by_text(SECURE.replace("https", "http"))),
    ("governance.E042", by_text(f"{SECURE};BlobEndpoint=http://127.0.0.1:10000/contoso")),
    ("governance.E042", by_text("UseDevelopmentStorage=true")),
    ("governance.E044", {"AZURE_STORAGE_CONNECTION_STRING": SECURE}),
    ("governance.E075", {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend"}),
    ("governance.E075", {"EMAIL_USE_TLS": False}),
    ("governance.E076", {"PORTAL_URL": "http://governance.example.com"}),
    ("governance.E077", {"DEFAULT_FROM_EMAIL": "governance@localhost"}),
]


def found() -> list[checks.CheckMessage]:
    """What our checks say, but for the database's (the tests choose that)."""
    where = (ours.environment, ours.azure_endpoints, ours.redis, ours.containers)
    which = (*where, ours.costs, ours.mail, ours.token_providers)
    return [message for check in which for message in check(app_configs=None)]


def configure(settings: LazySettings, **values: Any) -> None:
    """Set what a deployment would set."""
    for name, value in {**PRODUCTION, **values}.items():
        setattr(settings, name, value)


def test_a_sound_production_is_silent(settings: LazySettings) -> None:
    configure(settings)

    assert found() == []


@pytest.mark.parametrize(("identifier", "wrong"), CASES)
def test_a_contradiction_is_named_with_a_hint(settings: LazySettings, identifier: str, wrong: dict[str, Any]) -> None:
    configure(settings, **wrong)

    assert [(message.id, bool(message.hint)) for message in found()] == [(identifier, True)]


def test_production_may_use_a_secure_connection_string(settings: LazySettings) -> None:
    configure(settings, **by_text(SECURE))

    assert found() == []


@pytest.mark.parametrize("place", ["staticfiles/blobs", "governance/static/blobs"])
def test_files_never_lie_in_a_served_folder(settings: LazySettings, place: str) -> None:
    settings.STORAGE_FOLDER = str(settings.BASE_DIR / place)

    assert [(message.id, bool(message.hint)) for message in found()] == [("governance.E043", True)]


def test_development_may_use_the_simulator(settings: LazySettings) -> None:
    settings.AZURE_ARM_ENDPOINT = "https://127.0.0.1:8443"

    assert found() == []


def test_the_checks_are_part_of_manage_py_check() -> None:
    registered = set(checks.registry.registry.get_checks())

    assert {
        ours.environment,
        ours.azure_endpoints,
        ours.redis,
        ours.database,
        ours.containers,
        ours.pdf_libraries,
    } <= registered


def test_missing_libraries_of_the_pdf_renderer_are_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ours.pdf_libraries(None) == []

    monkeypatch.setitem(LIBRARIES, "libnowhere.so.0", "libnowhere0")

    (warning,) = ours.pdf_libraries(None)
    assert warning.id == "governance.W051"
    assert "libnowhere0" in str(warning.hint)
