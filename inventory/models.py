"""What exists: resources, their tags, and what changed about them."""

from typing import Any, ClassVar

from django.db import models

from governance.keys import new_id
from governance.tenancy import TenantManager, TenantOwned
from inventory.querysets import ChangeQuerySet, ResourceQuerySet


class Resource(TenantOwned):
    """One Azure resource, kept after it is deleted.

    `azure_id` is as Azure first gave it; `azure_id_hash`, the SHA-256 of its lower-cased form, is what identifies it.
    The JSON columns hold canonical JSON and are opaque: what is filtered or sorted on is a column or a tag row.
    `properties` is null while no source told them. `content_hash` is over everything that counts as a change.
    """

    class Unrecorded(models.TextChoices):
        """A change seen only in the ARM list, which the next reading by Resource Graph will write into the log."""

        NONE = "", "None"
        CREATED = "created", "Created"
        RETURNED = "returned", "Returned"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    azure_id = models.CharField(max_length=2048)
    azure_id_hash = models.CharField(max_length=64)
    name = models.CharField(max_length=512)
    type = models.CharField(max_length=256)
    kind = models.CharField(max_length=128, blank=True)
    location = models.CharField(max_length=64, blank=True)
    resource_group = models.CharField(max_length=256, blank=True)
    managed_by = models.CharField(max_length=2048, blank=True)
    tags = models.JSONField()
    sku = models.JSONField()
    zones = models.JSONField()
    identity = models.JSONField()
    properties = models.JSONField(null=True)
    content_hash = models.CharField(max_length=64)
    unrecorded_change = models.CharField(max_length=16, choices=Unrecorded, blank=True, default=Unrecorded.NONE)
    first_seen_at = models.DateTimeField()
    stored_at = models.DateTimeField()  # when this row was last written, not when the resource was last seen
    stored_by = models.ForeignKey("audit.SyncRun", models.SET_NULL, null=True, related_name="+", db_index=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(ResourceQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "resources"
        constraints = [models.UniqueConstraint(fields=["tenant", "azure_id_hash"], name="one_resource_per_azure_id")]
        # Each ends in the order of the list, so that a page is read off and not sorted. `resources_in_order` serves
        # whoever sees several tenants; it holds what is filtered on, so that passing over a row does not read it.
        indexes = [
            models.Index(
                fields=["deleted_at", "name", "id", "tenant", "subscription", "type"], name="resources_in_order"
            ),
            models.Index(fields=["tenant", "deleted_at", "name", "id"], name="resources_by_name"),
            models.Index(fields=["tenant", "type", "deleted_at", "name", "id"], name="resources_by_type"),
            models.Index(fields=["tenant", "location", "deleted_at", "name", "id"], name="resources_by_region"),
            models.Index(
                fields=["tenant", "subscription", "deleted_at", "name", "id"], name="resources_by_subscription"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ResourceTag(TenantOwned):
    """One tag of one resource: as given, and folded for comparison."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource = models.ForeignKey(Resource, models.CASCADE, related_name="tag_rows", db_index=False)
    key = models.CharField(max_length=512)
    value = models.CharField(max_length=256, blank=True)
    key_folded = models.CharField(max_length=512)
    value_folded = models.CharField(max_length=256, blank=True)

    class Meta(TenantOwned.Meta):
        db_table = "resource_tags"
        indexes = [
            models.Index(fields=["tenant", "key_folded", "value_folded"], name="resource_tags_by_key"),
            models.Index(fields=["tenant", "resource"], name="resource_tags_of_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class ResourceChange(TenantOwned):
    """Something that happened to a resource between two readings.

    `fields` lists {"field", "before", "after"} for a change, with dotted paths. `baseline` marks what
    the first complete reading of a subscription found: it was there before, so nobody created it then.
    """

    class Kind(models.TextChoices):
        """What happened."""

        CREATED = "created", "Created"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Deleted"
        RETURNED = "returned", "Returned"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource = models.ForeignKey(Resource, models.CASCADE, related_name="changes", db_index=False)
    run = models.ForeignKey("audit.SyncRun", models.SET_NULL, null=True, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    at = models.DateTimeField()
    baseline = models.BooleanField(default=False)
    fields = models.JSONField()

    objects: ClassVar[Any] = TenantManager.from_queryset(ChangeQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "resource_changes"
        indexes = [
            models.Index(fields=["tenant", "resource", "at"], name="resource_changes_timeline"),
            models.Index(fields=["tenant", "at"], name="resource_changes_feed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"
