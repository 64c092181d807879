"""What a resource has to do with others: those its properties name, those it manages, those in its group.

Set-based: three queries, whatever the number of resources.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from inventory.models import Resource
from inventory.shape import key_of

MOST_NAMED = 40  # ids looked up and shown
MOST_LEVELS = 4  # an id and what it is a part of
LONGEST_ID = 2048
PREFIX = "/subscriptions/"


@dataclass(frozen=True, slots=True)
class Reference:
    """An Azure id that stands in a resource, the dotted path where, and the known resource it leads to, if any."""

    azure_id: str
    path: str
    resource: Resource | None


@dataclass(frozen=True, slots=True)
class Relations:
    """`named`: other resources that this one names. `unknown`: ids that name nothing we know. `managed`: the first of
    those it manages, `managed_count` of them in all. `in_group`: live resources of its group, itself included."""

    named: tuple[Reference, ...]
    more_named: int
    unknown: tuple[Reference, ...]
    managed: tuple[Resource, ...]
    managed_count: int
    in_group: int


def relations_of(resource: Resource) -> Relations:
    """Everything the database can tell within the resource's own tenant."""
    ids = _ids_of(resource)
    references = _resolved(resource, dict(list(ids.items())[:MOST_NAMED]))
    near = Resource.objects.for_tenant(resource.tenant_id).live().filter(subscription_id=resource.subscription_id)
    managed = near.filter(managed_by__iexact=resource.azure_id)
    counts = near.aggregate(
        managed=Count("id", filter=Q(managed_by__iexact=resource.azure_id)),
        group=Count("id", filter=Q(resource_group__iexact=resource.resource_group)),
    )
    return Relations(
        named=tuple(row for row in references if row.resource),
        more_named=max(0, len(ids) - MOST_NAMED),
        unknown=tuple(row for row in references if not row.resource),
        managed=tuple(managed.only("id", "tenant_id", "name", "type").order_by("name", "id")[:MOST_NAMED]),
        managed_count=counts["managed"],
        in_group=counts["group"] if resource.resource_group else 0,
    )


def ids_in(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every Azure id in a document, with the dotted path where it stands. Pure."""
    if isinstance(document, str):
        if document[: len(PREFIX)].lower() == PREFIX and len(document) <= LONGEST_ID:
            yield document, path
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from ids_in(value, f"{path}.{name}" if path else name)
            yield from ids_in(name, path)  # identities are told by keys
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from ids_in(value, f"{path}[{place}]")


def lineage(azure_id: str) -> list[str]:
    """The id, and the ids of the resources it is a part of, nearest first. A group or subscription is no resource."""
    parts = azure_id.strip("/").split("/")
    folded = [part.lower() for part in parts]
    if "providers" not in folded:
        return []
    shortest = len(folded) - 1 - folded[::-1].index("providers") + 4  # providers, namespace, type, name
    lengths = range(len(parts), shortest - 1, -2)
    return ["/" + "/".join(parts[:length]) for length in lengths[:MOST_LEVELS]]


def _ids_of(resource: Resource) -> dict[str, str]:
    """Ids that are not the resource's own, nor of its parts; each once, with the first place it stands."""
    own = resource.azure_id.lower()
    found: dict[str, tuple[str, str]] = {}
    whole = {"managedBy": resource.managed_by, "identity": resource.identity, "properties": resource.properties}
    for azure_id, path in ids_in(whole):
        folded = azure_id.lower()
        if folded != own and not folded.startswith(f"{own}/") and lineage(azure_id):
            found.setdefault(folded, (azure_id, path))
    return dict(found.values())


def _resolved(resource: Resource, ids: Mapping[str, str]) -> list[Reference]:
    """One query for all of them. Two ids that lead to the same resource are one reference."""
    keys = {azure_id: [key_of(one).hex() for one in lineage(azure_id)] for azure_id in ids}
    wanted = sorted({key for found in keys.values() for key in found})
    rows = Resource.objects.for_tenant(resource.tenant_id).filter(azure_id_hash__in=wanted).exclude(id=resource.id)
    known = {
        row.azure_id_hash: row for row in rows.only("id", "tenant_id", "name", "type", "azure_id_hash", "deleted_at")
    }
    references: dict[Any, Reference] = {}
    for azure_id, path in ids.items():
        target = next((known[key] for key in keys[azure_id] if key in known), None)
        references.setdefault(target.id if target else azure_id, Reference(azure_id, path, target))
    return list(references.values())
