"""A production that shows too much does not start: `manage.py check --deploy` with the environment of a deployment."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest
import trustme

from tests.processes import start_python

POSTGRES = "postgres://governance:secret@db.example.com:5432/governance"
VERIFIED = f"{POSTGRES}?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt"
SQL_SERVER = "mssql://governance:secret@contoso.database.windows.net:1433/governance"
# Everything a deployment sets, and nothing that a developer's machine has.
PRODUCTION = {
    "GOVERNANCE_ENVIRONMENT": "production",
    "DJANGO_SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "DJANGO_ALLOWED_HOSTS": "governance.example.com",
    "DJANGO_CSRF_TRUSTED_ORIGINS": "https://governance.example.com",
    "CORS_ALLOWED_ORIGINS": "https://app.example.com",
    "TRUSTED_PROXY_HOPS": "2",
    "DATABASE_URL": SQL_SERVER,
    "REDIS_URL": "rediss://:secret@cache.example.com:6380",
    "AZURE_STORAGE_ACCOUNT": "contosogovernance",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com",
    "AZURE_ARM_ENDPOINT": "https://management.azure.com",
    "AZURE_GRAPH_ENDPOINT": "https://graph.microsoft.com",
    "AZURE_CA_FILE": "",
    "EMAIL_URL": "submission://governance:secret@smtp.example.com:587",
    "DEFAULT_FROM_EMAIL": "governance@example.com",
    "PORTAL_URL": "https://governance.example.com",
    "SIGN_IN_B2C_HOST": "contoso.b2clogin.com",
    "SIGN_IN_B2C_TENANT": "contoso.onmicrosoft.com",
    "SIGN_IN_B2C_POLICY": "b2c_1_signupsignin1",
    "SIGN_IN_B2C_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "SIGN_IN_B2C_CLIENT_SECRET": "a-secret-of-the-identity-provider",
}
# Each process is given one wrong value per check, and must name every one of them.
WRONG: list[dict[str, tuple[str, str]]] = [
    {
        "DJANGO_ALLOWED_HOSTS": ("*", "governance.E090"),
        "DATABASE_URL": (f"{SQL_SERVER}?Encrypt=no", "governance.E091"),
        "REDIS_URL": ("redis://:secret@cache.example.com:6379", "governance.E092"),
        "CORS_ALLOWED_ORIGINS": ("http://app.example.com", "governance.E093"),
        "DJANGO_CSRF_TRUSTED_ORIGINS": ("https://*.example.com", "governance.E094"),
        "TRUSTED_PROXY_HOPS": ("-1", "governance.E095"),
        "RATE_LIMIT_SIGN_IN_NAME": ("off", "governance.E097"),
        "AZURE_STORAGE_CONNECTION_STRING": ("UseDevelopmentStorage=true", "governance.E042"),
        "AZURE_STORAGE_ACCOUNT": ("", ""),
    },
    {
        "DJANGO_ALLOWED_HOSTS": (".example.com", "governance.E090"),
        "DATABASE_URL": (f"{SQL_SERVER}?TrustServerCertificate=yes", "governance.E091"),
        "REDIS_URL": ("rediss://:secret@cache.example.com:6380?ssl_cert_reqs=none", "governance.E092"),
        "CORS_ALLOWED_ORIGINS": ("https://*.example.com", "governance.E093"),
        "DJANGO_CSRF_TRUSTED_ORIGINS": ("http://governance.example.com", "governance.E094"),
        "TRUSTED_PROXY_HOPS": ("0", "governance.W096"),
        "AZURE_ARM_ENDPOINT": ("http://management.azure.com", "governance.E011"),
    },
    {
        "DJANGO_ALLOWED_HOSTS": ("127.0.0.1", "governance.E090"),
        "DATABASE_URL": (f"{SQL_SERVER}?Encrypt=optional", "governance.E091"),
    },
    {"DATABASE_URL": (POSTGRES, "governance.E091")},
    {"DATABASE_URL": (f"{POSTGRES}?sslmode=require", "governance.E091")},
]

# `manage.py check`, also on a machine without unixODBC, which mssql-django imports and nothing here connects with.
CHECK = """
import os
from django.core.management import execute_from_command_line
from tests.tsql import _import_pyodbc
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
_import_pyodbc()
execute_from_command_line(["manage.py", "check", "--deploy", "--fail-level", "WARNING"])
"""


def deploy_check(**environment: str) -> tuple[int, str]:
    """Exit status and words of the check that a deployment runs."""
    process = start_python("-c", CHECK, **{**PRODUCTION, **environment})
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


@pytest.mark.parametrize("database", [SQL_SERVER, VERIFIED])
def test_a_complete_production_is_clean(database: str) -> None:
    status, words = deploy_check(DATABASE_URL=database)

    assert (status, "no issues (0 silenced)" in words) == (0, True), words


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_what_shows_too_much_is_refused(wrong: dict[str, tuple[str, str]]) -> None:
    status, words = deploy_check(**{variable: value for variable, (value, _) in wrong.items()})

    assert status == 1, words
    assert sorted(re.findall(r"\((governance\.\w+)\)", words)) == sorted(name for _, name in wrong.values() if name)
    assert words.count("HINT:") == words.count("(governance.")
    assert "secret@" not in words


# What a worker does first, as Celery does it.
WORKER = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
from governance.celery import app
try:
    app.connection_for_write().ensure_connection(max_retries=1, timeout=10)
except Exception as error:
    print(repr(error), repr(error.__cause__))
"""


@pytest.fixture
def impostor() -> Iterator[int]:
    """Something that speaks TLS where Redis should be, with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def serve() -> None:
            with suppress(OSError):  # the client hangs up, or the test is over
                while True:
                    connection, _ = server.accept()
                    with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(1000)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def test_the_broker_proves_who_it_is(impostor: int) -> None:
    """Celery's own default takes any certificate."""
    process = start_python("-c", WORKER, REDIS_URL=f"rediss://127.0.0.1:{impostor}")

    out, err = process.communicate(timeout=120)

    assert "CERTIFICATE_VERIFY_FAILED" in out, out + err
