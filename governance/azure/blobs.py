"""Files in storage accounts: tenants' own cost exports, by our identity; Azure's cost reports, by the link alone.

Only hosts of `AzureAccess.blob_endpoint` are read. The identity's token (audience: storage) goes to the account of an
export and never with a link; a link is a secret until it expires, so no error and no log repeats one.
Reference: https://learn.microsoft.com/rest/api/storageservices/get-blob
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.core import exceptions as sdk
from azure.storage.blob import BlobClient, ContainerClient, ExponentialRetry

from governance.azure.errors import AccessDeniedError, AzureError, BadShapeError, GoneError, UnavailableError
from governance.azure.transport import RETRIES, AzureConnection

BLOB_REMEDY = "Give the application the role Storage Blob Data Reader on the storage account of the cost export."
LINK_REMEDY = "Nothing to do: the next run has a new report made."
ACCOUNT = r"[a-z0-9]{3,24}"
LARGEST_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """One file of a listing."""

    name: str
    bytes: int
    modified: datetime


class ExportContainer:
    """The container of a storage account that exports are delivered to, read with our identity."""

    def __init__(self, azure: AzureConnection, account: str, container: str) -> None:
        if not re.fullmatch(ACCOUNT, account):
            raise BadShapeError("A cost export names a storage account whose name is none.")
        self._azure = azure
        self._client = ContainerClient(
            azure.access.blob_endpoint.format(account=account),
            container,
            credential=azure.credential,
            **_options(azure),
        )

    def entries(self, prefix: str) -> Iterator[BlobEntry]:
        """Every file whose name begins so."""
        with _storage_errors(BLOB_REMEDY):
            for row in self._client.list_blobs(name_starts_with=prefix, raw_request_hook=self._azure.count):
                yield BlobEntry(row.name, row.size, row.last_modified)

    def read(self, name: str) -> bytes:
        """A small file, whole."""
        with _storage_errors(BLOB_REMEDY):
            stream = self._client.download_blob(name, raw_request_hook=self._azure.count)
            if stream.size > LARGEST_MANIFEST_BYTES:
                raise BadShapeError(f"The manifest of a cost export has {stream.size} bytes.")
            return bytes(stream.readall())

    def download(self, name: str, target: Path, *, expected_bytes: int | None) -> None:
        """Write a file to disk, part by part. Raises BadShapeError when it has not the size that was announced."""
        blob = self._client.get_blob_client(name)
        with _storage_errors(BLOB_REMEDY):
            _download(lambda: blob.download_blob(raw_request_hook=self._azure.count), target, expected_bytes)


def download_link(azure: AzureConnection, link: str, target: Path, *, expected_bytes: int | None) -> None:
    """Write what a link of Azure's leads to to disk, part by part, without a token of ours.

    Raises AccessDeniedError when the link has expired, GoneError when nothing is there, BadShapeError when it leads to
    another host or the file has not the size that was announced.
    """
    require_storage_host(azure.access.blob_endpoint, link)
    blob = BlobClient.from_blob_url(link, **_options(azure))
    with _storage_errors(LINK_REMEDY):
        _download(lambda: blob.download_blob(raw_request_hook=azure.count), target, expected_bytes)


def require_storage_host(endpoint: str, link: str) -> None:
    """Raise BadShapeError unless the link leads to a storage account below `endpoint` (with {account} in it)."""
    pattern = re.escape(endpoint).replace(re.escape("{account}"), ACCOUNT)
    if not re.match(f"{pattern}/", link, re.IGNORECASE):
        raise BadShapeError("Azure named a file of a cost report on a host that is not a storage account's.")


def _options(azure: AzureConnection) -> dict[str, Any]:
    """What the clients are made with. No redirect is followed: it could lead, with the token, to another host."""
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=RETRIES)
    return {"transport": azure.transport, "retry_policy": retry, "permit_redirects": False}


def _download(start: Callable[[], Any], target: Path, expected_bytes: int | None) -> None:
    with target.open("wb") as file:
        for part in start().chunks():
            file.write(part)
        size = file.tell()
    if expected_bytes is not None and size != expected_bytes:
        raise BadShapeError(f"A file of costs has {size} bytes instead of {expected_bytes}: it was cut.")


@contextmanager
def _storage_errors(remedy: str) -> Iterator[None]:
    """Turn the SDK's exceptions into ours, without their words and their cause: both may repeat the link."""
    try:
        yield
    except sdk.AzureError as error:
        raise _typed(error, remedy) from None


def _typed(error: sdk.AzureError, remedy: str) -> AzureError:
    status = getattr(error, "status_code", None)
    if status in {401, 403}:
        code = getattr(error, "error_code", None) or "no code"
        return AccessDeniedError(f"The storage account refused ({status}, {code}).", remedy=remedy)
    if status == 404:
        return GoneError("A file of costs is not there (404).")
    if isinstance(error, sdk.ClientAuthenticationError):
        return AccessDeniedError("No token for the storage account could be had.", remedy=remedy)
    words = f"it answered {status}" if status else f"no whole answer ({type(error).__name__})"
    return UnavailableError(f"The storage account could not be read: {words}.")
