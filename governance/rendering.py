"""JSON of the API. A module of its own: DRF loads it while its own views are still being imported."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


class OrjsonRenderer(BaseRenderer):
    """JSON; aware datetimes as ISO 8601 in UTC, UUIDs as text."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Bytes of a JSON document; nothing for an empty answer."""
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z)
