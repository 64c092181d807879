"""Other processes that work on the test's own database, through the commands users have."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from governance.valkey import end_with_parent

ROOT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """The DATABASE_URL of the test's database."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    scheme = {"postgresql": "postgres", "microsoft": "mssql"}[connection.vendor]
    password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    options = {key: value for key, value in found["OPTIONS"].items() if isinstance(value, str)}
    query = f"?{urlencode(options)}" if connection.vendor == "microsoft" else ""
    return f"{scheme}://{found['USER']}{password}@{found['HOST']}:{found['PORT']}/{found['NAME']}{query}"


def start_command(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Start `manage.py …` on the test's database and simulated Azure."""
    return start_python(str(ROOT / "manage.py"), *arguments, **environment)


def start_python(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Start Python with the settings of this test in its environment."""
    inherited = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "AZURE_AUTHORITY_HOST": settings.AZURE_AUTHORITY_HOST,
        "AZURE_ARM_ENDPOINT": settings.AZURE_ARM_ENDPOINT,
        "AZURE_CA_FILE": settings.AZURE_CA_FILE,
    }
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509
    )
