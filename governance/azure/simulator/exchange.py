"""One HTTP exchange: the request as the routes read it, the response as they write it, the refusal in Azure's words."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON_TYPE = "application/json; charset=utf-8"
LARGEST_BODY_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Request:
    """``path`` in lower case, since Azure's paths have none; names of the query and of headers in lower case too."""

    method: str
    path: str
    shown_path: str
    raw_query: str
    host: str
    authorization: str
    body: bytes
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        return {name.lower(): value for name, value in parse_qsl(self.raw_query, keep_blank_values=True)}

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    @property
    def text(self) -> str:
        """What ``query_contains`` of a fault searches: the query string and the body."""
        return f"{self.raw_query}\n{self.body.decode('utf-8', 'replace')}"

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise Refusal(400, "InvalidRequestContent", f"The request content was invalid: {error}") from error
        if not isinstance(found, dict):
            raise Refusal(400, "InvalidRequestContent", "The request content must be a JSON object.")
        return found

    @classmethod
    def from_environ(cls, environ: Mapping[str, Any]) -> "Request":
        length = min(int(environ.get("CONTENT_LENGTH") or 0), LARGEST_BODY_BYTES)
        path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
        return cls(
            method=environ["REQUEST_METHOD"],
            path=path.lower().rstrip("/") or "/",
            shown_path=path,
            raw_query=environ.get("QUERY_STRING", ""),
            host=environ.get("HTTP_HOST", "127.0.0.1"),
            authorization=environ.get("HTTP_AUTHORIZATION", ""),
            body=environ["wsgi.input"].read(length) if length else b"",
            cookies={name: morsel.value for name, morsel in SimpleCookie(environ.get("HTTP_COOKIE", "")).items()},
            headers={
                name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
                for name, value in environ.items()
                if name.startswith("HTTP_")
            },
        )


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file from ``start`` on."""

    path: Path
    start: int
    length: int

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        left = self.length
        with self.path.open("rb") as file:
            file.seek(self.start)
            while left > 0:
                piece = file.read(min(left, PIECE_BYTES))
                if not piece:
                    return
                left -= len(piece)
                yield piece


@dataclass(frozen=True)
class Response:
    """``is_broken_off`` sends the headers and half of the body, then closes the connection.

    ``file`` is sent instead of the body: it is too large to be held.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    is_broken_off: bool = False
    file: "FilePart | None" = None

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"


class Refusal(Exception):  # noqa: N818 - the field's word: a refused request
    """An answer other than success, in the error shape of Resource Manager."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        error: dict[str, Any] = {"code": code, "message": message}
        if details:
            error["details"] = details
        self.response = json_response({"error": error}, status=status, headers=headers)


def json_response(payload: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    request_id = str(uuid.uuid4())
    common = {"x-ms-request-id": request_id, "x-ms-correlation-request-id": request_id, "Cache-Control": "no-cache"}
    return Response(status, orjson.dumps(payload), {**common, **(headers or {})})
