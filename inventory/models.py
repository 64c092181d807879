"""What exists: resources, their tags, and what changed about them."""

from typing import Any, ClassVar

from django.db import models

from governance.keys import new_id
from governance.tenancy import TenantManager, TenantOwned
from inventory.querysets import ChangeQuerySet, OrphanQuerySet, ResourceGroupQuerySet, ResourceQuerySet, TagRuleQuerySet


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
        # Each has the order of the list in it, so that a page is read off, and what is filtered on at its end, so that
        # passing over a row does not read it. `resources_in_order` serves whoever sees several tenants. It holds only
        # what is there: PostgreSQL gets no order out of an index that begins with `deleted_at IS NULL`.
        indexes = [
            models.Index(
                fields=["name", "id", "tenant", "subscription", "type"],
                name="resources_in_order",
                condition=models.Q(deleted_at__isnull=True),
            ),
            models.Index(fields=["tenant", "name", "id", "deleted_at"], name="resources_by_name"),
            models.Index(fields=["tenant", "type", "name", "id", "deleted_at"], name="resources_by_type"),
            models.Index(fields=["tenant", "location", "name", "id", "deleted_at"], name="resources_by_region"),
            models.Index(
                fields=["tenant", "subscription", "name", "id", "deleted_at"], name="resources_by_subscription"
            ),
            models.Index(fields=["tenant", "stored_at", "id", "deleted_at"], name="resources_by_age"),
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
            models.Index(fields=["tenant", "key_folded", "value_folded", "resource"], name="resource_tags_by_key"),
            models.Index(fields=["tenant", "resource"], name="resource_tags_of_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class ResourceChange(TenantOwned):
    """Something that happened to a resource between two readings.

    `fields` lists {"field", "before", "after"} for a change, with dotted paths; `paths` holds the same paths folded,
    each on a line of its own between line feeds, to be searched. `baseline` marks what the first complete reading of a
    subscription found: it was there before, so nobody created it then.
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
    paths = models.TextField(blank=True, default="")

    objects: ClassVar[Any] = TenantManager.from_queryset(ChangeQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "resource_changes"
        indexes = [
            models.Index(fields=["tenant", "resource", "at"], name="resource_changes_timeline"),
            models.Index(fields=["tenant", "at", "id"], name="resource_changes_feed"),
            # For whoever sees several tenants: newest first over all of them (docs/adr/0006).
            models.Index(fields=["at", "id", "tenant", "baseline"], name="resource_changes_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"


class ResourceGroup(TenantOwned):
    """A resource group, kept after it is deleted. `managed_by` is the id of the resource that owns it, if one does."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    azure_id = models.CharField(max_length=2048)
    azure_id_hash = models.CharField(max_length=64)
    name = models.CharField(max_length=256)
    location = models.CharField(max_length=64, blank=True)
    managed_by = models.CharField(max_length=2048, blank=True)
    tags = models.JSONField()
    first_seen_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(ResourceGroupQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "resource_groups"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "azure_id_hash"], name="one_resource_group_per_azure_id")
        ]
        indexes = [models.Index(fields=["tenant", "subscription", "deleted_at"], name="resource_groups_there")]

    def __str__(self) -> str:
        return self.name


class Orphan(TenantOwned):
    """A time during which nothing used a resource or a resource group, or during which that could not be told.

    Exactly one of `resource` and `group` is set; what never changes about it is repeated here, so that a list reads one
    table. `unreadable_since` is set while the verdict is unknown: a period that began as an orphan's stays open then.
    """

    class Verdict(models.TextChoices):
        """What the rule said last."""

        ORPHANED = "orphaned", "Orphaned"
        UNKNOWN = "unknown", "Unknown"

    class Basis(models.TextChoices):
        """How we know since when."""

        AZURE = "azure", "Azure says so"
        SEEN = "seen", "Begun between two readings"
        AT_LEAST = "at_least", "At least since, found so by the first reading"

    class Ending(models.TextChoices):
        """What ended it."""

        LASTS = "", "It lasts"
        IN_USE = "in_use", "In use"
        DELETED = "deleted", "Deleted"
        OFF_BOARDED = "off_boarded", "Subscription off-boarded"
        TOLD_ANEW = "told_anew", "Known anew"
        NO_RULE = "no_rule", "The rule is gone"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource = models.ForeignKey(Resource, models.CASCADE, null=True, related_name="orphan_periods", db_index=False)
    group = models.ForeignKey(ResourceGroup, models.CASCADE, null=True, related_name="orphan_periods", db_index=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=512)
    type = models.CharField(max_length=256)
    location = models.CharField(max_length=64, blank=True)
    resource_group = models.CharField(max_length=256, blank=True)
    rule = models.CharField(max_length=64)
    verdict = models.CharField(max_length=16, choices=Verdict)
    why = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField()
    since_basis = models.CharField(max_length=16, choices=Basis)
    unreadable_since = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=16, choices=Ending, blank=True, default=Ending.LASTS)

    objects: ClassVar[Any] = TenantManager.from_queryset(OrphanQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "orphans"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "resource", "rule"],
                condition=models.Q(ended_at__isnull=True, resource__isnull=False),
                name="one_open_period_per_resource",
            ),
            models.UniqueConstraint(
                fields=["tenant", "group", "rule"],
                condition=models.Q(ended_at__isnull=True, group__isnull=False),
                name="one_open_period_per_group",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "ended_at", "verdict", "since", "id"], name="orphans_by_age"),
            models.Index(fields=["tenant", "resource"], name="orphans_of_resource"),
            models.Index(fields=["tenant", "group"], name="orphans_of_group"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.rule}"

    @property
    def since_is_known(self) -> bool:
        """False when it may have begun earlier than `since`."""
        return self.since_basis != self.Basis.AT_LEAST


class TagRule(TenantOwned):
    """What a tenant demands of one tag. A deleted rule is kept, with what it found, until the next judging."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=512)
    key_folded = models.CharField(max_length=512)
    is_required = models.BooleanField(default=True)
    allowed_values = models.JSONField(default=list)
    types = models.JSONField(default=list)  # lower case; empty for all
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(TagRuleQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "tag_rules"
        indexes = [models.Index(fields=["tenant", "deleted_at", "key_folded", "id"], name="tag_rules_in_force")]

    def __str__(self) -> str:
        return self.key


class TagViolation(TenantOwned):
    """One way in which one resource breaks one rule, with the tag as it was found."""

    class Kind(models.TextChoices):
        """How the rule is broken."""

        MISSING = "missing", "Tag is missing"
        KEY_CASE = "key_case", "Name in another letter case"
        VALUE = "value", "Value not allowed"
        VALUE_CASE = "value_case", "Value in another letter case"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.ForeignKey(TagRule, models.CASCADE, related_name="+", db_index=False)
    resource = models.ForeignKey(Resource, models.CASCADE, related_name="tag_violations", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    key = models.CharField(max_length=512, blank=True)
    value = models.CharField(max_length=256, blank=True)
    found_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        db_table = "tag_violations"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "rule", "resource", "kind"], name="one_tag_violation_of_a_kind_per_resource"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "resource"], name="tag_violations_of_resource"),
            models.Index(fields=["tenant", "found_at", "id"], name="tag_violations_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class HygieneState(TenantOwned):
    """How far a tenant is judged. No row: never. `orphan_rules` names the version of the rules that judged all of it.

    `tag_version` grows with every change of the tag rules; `tags_pending_since` is set from then until all of the
    tenant is judged by them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    orphan_rules = models.CharField(max_length=64, blank=True)
    orphans_judged_at = models.DateTimeField(null=True, blank=True)
    tag_version = models.PositiveIntegerField(default=0)
    tags_pending_since = models.DateTimeField(null=True, blank=True)
    tags_judged_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        db_table = "hygiene_states"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_hygiene_state_per_tenant")]

    def __str__(self) -> str:
        return f"rules {self.orphan_rules}, tags {self.tag_version}"
