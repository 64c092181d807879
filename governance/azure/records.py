"""A resource or a group as Azure describes it, read from a row of Resource Graph or of the ARM list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import orjson

MAX_ID = 2048  # characters; longer ids do not occur in Azure, and a column must end somewhere
MAX_NAME = 512
MAX_TYPE = 256
MAX_LOCATION = 64
MAX_TAG_KEY = 512
MAX_TAG_VALUE = 256
LONGEST_NAMED = 64  # characters of a field's name in a reason
Record = TypeVar("Record")
NUL = b"\\u0000"  # as orjson writes it; PostgreSQL stores it in no text and no JSON


class ResourceRecord(NamedTuple):
    """One resource, readable in every field we keep. A tuple: a frozen dataclass takes three times as long to make.

    The JSON fields are canonical JSON text (keys sorted), so that equal content is equal text. `properties` is None
    when this source does not tell them, which is not the same as "{}".
    """

    azure_id: str  # as given; its letter case may differ from one day to the next
    name: str
    type: str  # lower case
    kind: str
    location: str  # lower case, no spaces
    resource_group: str
    subscription_id: str  # lower case
    managed_by: str
    tags: dict[str, str]
    tags_json: str
    sku_json: str
    zones_json: str
    identity_json: str
    properties: str | None


class GroupRecord(NamedTuple):
    """One resource group."""

    azure_id: str
    name: str
    location: str  # lower case, no spaces
    subscription_id: str  # lower case
    managed_by: str
    tags: dict[str, str]
    tags_json: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be read, with the reason in words. `azure_id` and `subscription_id` are "" when unknown."""

    azure_id: str
    subscription_id: str
    reason: str


def read_resource(row: Any) -> ResourceRecord | Unreadable:
    """One row as Azure sent it. Never raises: what cannot be read comes back as `Unreadable`."""
    return _read(row, _record)


def read_group(row: Any) -> GroupRecord | Unreadable:
    """One row of the resource groups. Never raises: what cannot be read comes back as `Unreadable`."""
    return _read(row, _group)


def _read(row: Any, reader: Callable[[dict[str, Any]], Record]) -> Record | Unreadable:
    try:
        return reader(row)
    except KeyError as error:
        reason = f"The field {error} is missing."
    except (TypeError, ValueError, AttributeError, orjson.JSONEncodeError) as error:
        reason = str(error)
    fields = row if isinstance(row, dict) else {}
    return Unreadable(_text_or_empty(fields, "id"), _text_or_empty(fields, "subscriptionId").lower(), reason[:500])


def _record(row: dict[str, Any]) -> ResourceRecord:
    azure_id = _text(row, "id", MAX_ID)
    properties = row["properties"]
    if properties is not None and not isinstance(properties, dict):
        raise ValueError(f"properties is a {type(properties).__name__}, not an object.")
    tags = _tags(row.get("tags"))
    return ResourceRecord(
        azure_id=azure_id,
        name=_text(row, "name", MAX_NAME),
        type=_text(row, "type", MAX_TYPE).lower(),
        kind=_optional_text(row, "kind", 128),
        location=_optional_text(row, "location", MAX_LOCATION).lower().replace(" ", ""),
        resource_group=_optional_text(row, "resourceGroup", 256) or resource_group_of(azure_id),
        subscription_id=_text(row, "subscriptionId", 64).lower(),
        managed_by=_optional_text(row, "managedBy", MAX_ID),
        tags=tags,
        tags_json=_canonical_or(tags, "{}"),
        sku_json=_canonical_or(row.get("sku"), "{}"),
        zones_json=_canonical_or(row.get("zones"), "[]"),
        identity_json=_canonical_or(row.get("identity"), "{}"),
        properties=None if properties is None else canonical(properties),
    )


def _group(row: dict[str, Any]) -> GroupRecord:
    tags = _tags(row.get("tags"))
    return GroupRecord(
        azure_id=_text(row, "id", MAX_ID),
        name=_text(row, "name", 256),
        location=_optional_text(row, "location", MAX_LOCATION).lower().replace(" ", ""),
        subscription_id=_text(row, "subscriptionId", 64).lower(),
        managed_by=_optional_text(row, "managedBy", MAX_ID),
        tags=tags,
        tags_json=_canonical_or(tags, "{}"),
    )


def canonical(value: Any) -> str:
    """JSON text with sorted keys. Raises ValueError for what no database can store."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if NUL in text:
        raise ValueError("It contains a NUL character, which a database cannot store.")
    return text.decode()


def _canonical_or(value: Any, empty: str) -> str:
    return canonical(value) if value else empty


def resource_group_of(azure_id: str) -> str:
    """The resource group named in a resource id, "" for resources outside any group."""
    parts = azure_id.split("/")
    for index, part in enumerate(parts[:-1]):
        if part.lower() == "resourcegroups":
            return parts[index + 1]
    return ""


def _text(row: dict[str, Any], field: str, longest: int) -> str:
    value = row[field]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field} is {'empty' if not value else 'not text'}.")
    return _checked(value, field, longest)


def _optional_text(row: dict[str, Any], field: str, longest: int) -> str:
    value = row.get(field)
    if not value:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{field} is not text.")
    return _checked(value, field, longest)


def _checked(value: str, field: str, longest: int) -> str:
    if len(value) > longest:
        raise ValueError(f"{field[:LONGEST_NAMED]} is longer than {longest} characters.")
    if "\x00" in value:
        raise ValueError(f"{field[:LONGEST_NAMED]} contains a NUL character.")
    return value


def _tags(tags: Any) -> dict[str, str]:
    if not tags:
        return {}
    if not isinstance(tags, dict):
        raise ValueError(f"tags is a {type(tags).__name__}, not an object.")
    return {
        _checked(key, "a tag's name", MAX_TAG_KEY): _checked(str(value or ""), "tag " + key, MAX_TAG_VALUE)
        for key, value in tags.items()
    }


def _text_or_empty(fields: dict[str, Any], field: str) -> str:
    value = fields.get(field)
    return value.replace("\x00", "")[:MAX_ID] if isinstance(value, str) else ""
