"""Azure Blob Storage on this machine: Azurite, started once for these tests and kept in memory.

`make azurite` installs it where Node is (the test targets do that by themselves). Without it these tests are left out,
and the terminal says so in one line.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from django.conf import LazySettings

from governance import storage
from governance.valkey import answers, end_with_parent, free_port

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "node_modules" / ".bin" / "azurite-blob"
PATIENCE_SECONDS = 60.0
# Azurite's one account, the same in every installation of it: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its connection string, with the containers there."""
    if not PROGRAM.exists():
        pytest.skip("Azurite is not installed: `make azurite` (needs Node 20).")
    port, folder = free_port(), tmp_path_factory.mktemp("azurite")
    options = ["--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    # In a folder of its own: it writes a few files where it stands.
    server = subprocess.Popen([str(PROGRAM), *options, *where], cwd=folder, preexec_fn=end_with_parent)  # noqa: PLW1509
    try:
        assert answers(port, seconds=PATIENCE_SECONDS, is_running=lambda: server.poll() is None), (
            "Azurite did not start"
        )
        address = f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        text = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};{address}"
        _create_containers(text)
        yield text
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def blobs(azurite: str, settings: LazySettings) -> str:
    """The platform keeps its files in Azurite. The connection string, for processes of their own."""
    settings.STORAGES = {**settings.STORAGES, **storage.aliases("", connection_string=azurite)}
    return azurite


def _create_containers(text: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with BlobServiceClient.from_connection_string(text, retry_total=3) as service:
        while time.monotonic() < deadline:
            there = {found.name for found in service.list_containers()}
            for name in set(storage.CONTAINERS) - there:
                service.create_container(name)
            if there >= set(storage.CONTAINERS):
                return
