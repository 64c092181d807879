"""How a body of the API is read. A module of its own: DRF loads it while importing its views."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from rest_framework import exceptions, status
from rest_framework.parsers import JSONParser


class TooLarge(exceptions.APIException):
    """The body is larger than anything the API takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024} KiB."
    default_code = "too_large"


class BoundedJSONParser(JSONParser):
    """DRF's, but a body without end is refused (413) and nesting without end is the sender's error (400), not ours."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The body as data. Raises ParseError and TooLarge; never reads more than the limit and one byte."""
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            return super().parse(BytesIO(body), media_type, dict(parser_context or {}))
        except RecursionError as error:
            raise exceptions.ParseError("The JSON is nested too deeply.") from error
