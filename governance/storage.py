"""Where files lie: `exports`, `reports` and `logs`, as folders on this machine or containers of Azure Blob Storage.

Django reaches them by the aliases of the setting STORAGES. Nothing serves them: who may download a file is asked first,
each time, and then either Django hands out the bytes or Azure does, at an address that is signed for minutes.
A name is written once; writing it again raises, so that no file changes after its checksum was taken.
"""

from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

EXPORTS, REPORTS, LOGS = "exports", "reports", "logs"  # logs: the anchors of the audit trail, never deleted
CONTAINERS = (EXPORTS, REPORTS, LOGS)
ADDRESS_SECONDS = 5 * 60  # how long a signed address works
REQUEST_SECONDS = 60  # what one request to the blob service may take there
FILES = "django.core.files.storage.FileSystemStorage"
FAILURES = (OSError, AzureError)  # what a container raises that cannot be read or written
BLOBS = "storages.backends.azure_storage.AzureStorage"


def aliases(
    folder: str | Path, *, connection_string: str = "", account: str = "", endpoint_suffix: str = "core.windows.net"
) -> dict[str, dict[str, Any]]:
    """The entries of STORAGES. With an account name the process's own Azure identity is used, and no secret at all."""
    if connection_string:
        where: dict[str, Any] = {"connection_string": connection_string}
    elif account:
        where = {"account_name": account, "endpoint_suffix": endpoint_suffix, "token_credential": _own_identity()}
    else:
        private = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
        return {
            name: {"BACKEND": FILES, "OPTIONS": {**private, "location": str(Path(folder) / name)}}
            for name in CONTAINERS
        }
    rules = {"expiration_secs": ADDRESS_SECONDS, "overwrite_files": False, "timeout": REQUEST_SECONDS}
    return {name: {"BACKEND": BLOBS, "OPTIONS": {**where, **rules, "azure_container": name}} for name in CONTAINERS}


def container(name: str) -> Storage:
    """The container of this name. InvalidStorageError for any other."""
    return storages[name]


def save(name: str, blob: str, content: IO[bytes]) -> None:
    """Write a file into a container, from its beginning. Raises FileExistsError when there is one of that name."""
    store = container(name)
    if store.exists(blob):
        raise FileExistsError(f"There is a {blob} in {name} already.")
    content.seek(0)
    written = store.save(blob, File(content))
    if written != blob:  # somebody wrote it between the question and the answer
        store.delete(written)
        raise FileExistsError(f"There is a {blob} in {name} already.")


def read(name: str, blob: str) -> bytes:
    """A small file, whole. Raises FileNotFoundError."""
    store = container(name)
    if not store.exists(blob):
        raise FileNotFoundError(f"There is no {blob} in {name}.")
    with store.open(blob) as content:
        return bytes(content.read())


def names(name: str, folder: str) -> list[str]:
    """The names of the files in a folder of a container, in order; none when there is no such folder."""
    try:
        _, found = container(name).listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(PurePosixPath(path).name for path in found)  # Azure's have the folder before them


def delete(name: str, blob: str) -> None:
    """Remove a file; one that is not there is removed already."""
    container(name).delete(blob)


def signed_address(name: str, blob: str, *, disposition: str, content_type: str) -> str | None:
    """An https address at which this one file can be read for a few minutes; None when Django has to hand it out."""
    store = container(name)
    if isinstance(store, FileSystemStorage):
        return None
    signed: Any = store
    answer = {"content_disposition": disposition, "content_type": content_type, "cache_control": "private, no-store"}
    return str(signed.url(blob, parameters=answer))


def insecure_endpoint(connection_string: str) -> str:
    """The part of a connection string that speaks http; "" when all of it speaks https."""
    for part in filter(None, (part.strip() for part in connection_string.split(";"))):
        name, _, value = part.partition("=")
        plain_protocol = name.lower() == "defaultendpointsprotocol" and value.lower() != "https"
        plain_address = name.lower().endswith("endpoint") and urlsplit(value).scheme not in {"", "https"}
        if plain_protocol or plain_address or name.lower() == "usedevelopmentstorage":
            return part
    return ""


def _own_identity() -> Any:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(exclude_interactive_browser_credential=True)
