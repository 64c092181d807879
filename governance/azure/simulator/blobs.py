"""Blob storage: files of reports behind signed links, and of exports behind tokens. Paths begin with the account.

https://learn.microsoft.com/rest/api/storageservices/list-blobs
"""

import datetime
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from hmac import compare_digest
from pathlib import Path
from typing import Protocol
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from governance.azure.simulator.chance import digest
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.exchange import FilePart, Request, Response
from governance.azure.simulator.tokens import STORAGE_AUDIENCE, InvalidTokenError, Tokens
from governance.azure.simulator.world import World

REPORT_ACCOUNT = "ccmreportsweu"
EXPORT_ACCOUNT = "stexports"  # and something of the tenant
BLOB_PATH = rf"/((?:{REPORT_ACCOUNT}|{EXPORT_ACCOUNT})[a-z0-9]*)/([a-z0-9-]+)"
SERVICE_VERSION = "2021-08-06"
XML_TYPE = "application/xml"
BYTES = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Blob:
    """A file on disk under its name in the container."""

    name: str
    path: Path
    size: int
    modified: datetime.date
    etag: str

    @property
    def last_modified(self) -> str:
        moment = datetime.datetime.combine(self.modified, datetime.time(5, 30), datetime.UTC)
        return formatdate(moment.timestamp(), usegmt=True)


def blob_at(name: str, path: Path, modified: datetime.date) -> Blob:
    size = path.stat().st_size
    return Blob(name, path, size, modified, f'"0x{digest(name, path, size).hex()[:15].upper()}"')


class Container(Protocol):
    """What holds blobs, written when they are looked for: beyond ``delimiter`` a name need not be complete."""

    def names(self, prefix: str, delimiter: str) -> Sequence[str]: ...

    def open(self, name: str) -> Blob | None: ...


class BlobStorage:
    """``container_of`` finds a container by account and name, with the tenants whose tokens open it, if not a link."""

    def __init__(
        self,
        world: World,
        tokens: Tokens,
        settings: CostSettings,
        now: Callable[[], float],
        container_of: Callable[[str, str], tuple[Container, Collection[str] | None] | None],
    ) -> None:
        self._world = world
        self._tokens = tokens
        self._settings = settings
        self._now = now
        self._container_of = container_of

    def link(self, origin: str, path: str) -> str:
        """To one blob, good for a while without a token."""
        end = self._now() + self._settings.valid_seconds
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        signature = quote(self._tokens.signature(f"{path}\n{expiry}"), safe="")
        return f"{origin}{path}?sv={SERVICE_VERSION}&se={quote(expiry, safe='')}&sr=b&sp=r&sig={signature}"

    def list_or_refuse(self, request: Request, account: str, container: str) -> Response:
        """List Blobs; nothing else is answered for a container."""
        if request.query.get("comp") != "list":
            return storage_error(400, "InvalidQueryParameterValue")
        found = self._open_container(request, account, container)
        if isinstance(found, Response):
            return found
        return self._list(request, found, account, container)

    def read(self, request: Request, account: str, container: str, _name: str) -> Response:
        """Get Blob, or a range of it; or its properties."""
        found = self._open_container(request, account, container)
        if isinstance(found, Response):
            return found
        blob = found.open(request.shown_path.split("/", 3)[3])
        if blob is None:
            return storage_error(404, "BlobNotFound")
        if request.headers.get("if-match", blob.etag) not in (blob.etag, "*"):
            return storage_error(412, "ConditionNotMet")
        return _content(request, blob)

    def _open_container(self, request: Request, account: str, container: str) -> Container | Response:
        found = self._container_of(account, container)
        if found is None:
            return storage_error(404, "ContainerNotFound")
        held, readers = found
        refused = self._refused_link(request) if readers is None else self._refused_token(request, readers)
        return refused or held

    def _refused_link(self, request: Request) -> Response | None:
        expiry, given = request.query.get("se", ""), request.query.get("sig", "")
        expected = self._tokens.signature(f"{request.shown_path}\n{expiry}")
        if not compare_digest(expected.encode(), given.encode()):
            return storage_error(403, "AuthenticationFailed")
        end = datetime.datetime.fromisoformat(expiry).timestamp()
        return storage_error(403, "AuthenticationFailed") if end <= self._now() else None

    def _refused_token(self, request: Request, readers: Collection[str]) -> Response | None:
        scheme, _, token = request.authorization.partition(" ")
        if scheme.lower() != "bearer":
            challenge = f"Bearer authorization_uri={request.origin}/{next(iter(readers))}/oauth2/authorize"
            headers = {"WWW-Authenticate": f"{challenge} resource_id={STORAGE_AUDIENCE}"}
            return storage_error(401, "NoAuthenticationInformation", headers)
        try:
            caller = self._tokens.tenant_of(token.strip(), audience=STORAGE_AUDIENCE)
        except InvalidTokenError:
            return storage_error(401, "InvalidAuthenticationInfo")
        return None if caller in readers else storage_error(403, "AuthorizationPermissionMismatch")

    def _list(self, request: Request, held: Container, account: str, container: str) -> Response:
        query = request.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        wanted = int(query.get("maxresults", self._settings.list_names))
        entries = _entries(held.names(prefix, delimiter), prefix, delimiter)
        start = entries.index(query["marker"]) if query.get("marker") in entries else 0
        page = entries[start : start + min(wanted, self._settings.list_names)]
        rest = entries[start + len(page) :]
        root = Xml.Element(
            "EnumerationResults",
            {"ServiceEndpoint": f"{request.origin}/{account}", "ContainerName": container},
        )
        for name, value in (("Prefix", prefix), ("Marker", query.get("marker", "")), ("Delimiter", delimiter)):
            if value:
                Xml.SubElement(root, name).text = value
        blobs = Xml.SubElement(root, "Blobs")
        for name in page:
            _entry(blobs, name, None if delimiter and name.endswith(delimiter) else held.open(name))
        Xml.SubElement(root, "NextMarker").text = rest[0] if rest else None
        body: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
        return Response(200, body, {"x-ms-version": SERVICE_VERSION}, XML_TYPE)


def is_blob_path(path: str) -> bool:
    return re.match(BLOB_PATH, path) is not None


def storage_error(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    message = f"The request was refused ({code})."
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, body.encode(), {"x-ms-error-code": code, **(headers or {})}, XML_TYPE)


def _content(request: Request, blob: Blob) -> Response:
    headers = {
        "ETag": blob.etag,
        "Last-Modified": blob.last_modified,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-version": SERVICE_VERSION,
    }
    content_type = "application/json" if blob.name.endswith(".json") else "application/octet-stream"
    if request.method == "HEAD":
        return Response(200, b"", {**headers, "Content-Length": str(blob.size)}, content_type)
    asked = BYTES.fullmatch(request.headers.get("x-ms-range") or request.headers.get("range") or "")
    if asked is None:
        return _sent(200, headers, content_type, FilePart(blob.path, 0, blob.size))
    first = int(asked[1])
    last = min(int(asked[2] or blob.size), blob.size - 1)
    if first > last:
        return storage_error(416, "InvalidRange", {"Content-Range": f"bytes */{blob.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{blob.size}"
    return _sent(206, headers, content_type, FilePart(blob.path, first, last - first + 1))


def _sent(status: int, headers: Mapping[str, str], content_type: str, part: FilePart) -> Response:
    return Response(status, b"", headers, content_type, file=part)


def _entries(names: Sequence[str], prefix: str, delimiter: str) -> list[str]:
    """Names, or what they have in common up to the delimiter."""
    if not delimiter:
        return sorted(names)
    return sorted({_up_to(name, delimiter, len(prefix)) for name in names})


def _up_to(name: str, delimiter: str, start: int) -> str:
    end = name.find(delimiter, start)
    return name if end < 0 else name[: end + len(delimiter)]


def _entry(blobs: Xml.Element, name: str, blob: Blob | None) -> None:
    if blob is None:
        Xml.SubElement(Xml.SubElement(blobs, "BlobPrefix"), "Name").text = name
        return
    element = Xml.SubElement(blobs, "Blob")
    Xml.SubElement(element, "Name").text = name
    properties = Xml.SubElement(element, "Properties")
    facts = {
        "Creation-Time": blob.last_modified,
        "Last-Modified": blob.last_modified,
        "Etag": blob.etag.strip('"'),
        "Content-Length": str(blob.size),
        "Content-Type": "application/octet-stream",
        "BlobType": "BlockBlob",
    }
    for key, value in facts.items():
        Xml.SubElement(properties, key).text = value
