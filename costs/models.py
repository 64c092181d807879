"""Money: what Azure charged for which day, as it was last told; sums of it; and what moved afterwards.

The unit is the slice: all rows of one tenant, subscription, month and metric. It is replaced whole. `cost_data` holds
its rows as they came; the `daily_…` tables are sums of them, made in the same transaction, and every total on a page is
read from those. Amounts are in the billing currency, tax excluded, and never summed over currencies or metrics.
"""

from typing import Any, ClassVar

from django.db import models

from costs.querysets import CostQuerySet, RestatementQuerySet, SliceQuerySet
from governance.keys import new_id
from governance.money import AmountField
from governance.tenancy import TenantManager, TenantOwned


class Metric(models.TextChoices):
    """How commitments are told. The two have different sums by design and are never mixed.

    Actual: a reservation is one purchase on one day. Amortized: it is spread over its days and the resources that used
    it; the rest is there as unused.
    """

    ACTUAL = "actual", "Actual cost"
    AMORTIZED = "amortized", "Amortized cost"


class Source(models.TextChoices):
    """Where a slice came from, best first."""

    EXPORT = "export", "Cost export"
    REPORT = "report", "Cost details report"
    QUERY = "query", "Cost query"  # by service and resource group; it names no resource
    IMPORT = "import", "Imported file"


class Finality(models.TextChoices):
    """How much a slice may still move, judged by when it was read."""

    ESTIMATE = "estimate", "Estimate"  # read while its month was open
    CLOSING = "closing", "Closing"  # read after its month, up to the 5th of the next: late charges still come
    FINAL = "final", "Final"  # read on the 6th of the next month or later


class CostReceipt(TenantOwned):
    """What one run, or one import, made of one slice: from where and why from there; expected against received.

    `totals` is canonical JSON: per currency {"stored", "control", "residual"}, exact decimals as text; `control` is the
    total of a cost query for the same slice (null: it could not be asked), `residual` what rounding to nine places
    lost.
    """

    class Verdict(models.TextChoices):
        """What was done with it."""

        STORED = "stored", "Stored"
        UNCHANGED = "unchanged", "Unchanged"
        REFUSED = "refused", "Refused"  # it was less than is credible; what was stored before is kept
        FAILED = "failed", "Failed"
        NOT_OFFERED = "not_offered", "Not offered"  # the subscription's offer has no such data

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(
        "audit.SyncRun", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )  # null: imported by hand
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    metric = models.CharField(max_length=16, choices=Metric)
    source = models.CharField(max_length=16, choices=Source)
    source_reason = models.CharField(max_length=1000, blank=True)  # why no better source
    verdict = models.CharField(max_length=16, choices=Verdict)
    reason = models.CharField(max_length=1000, blank=True)
    expected_rows = models.PositiveIntegerField(null=True, blank=True)
    received_rows = models.PositiveIntegerField(default=0)
    totals = models.TextField(default="{}")
    at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        db_table = "cost_receipts"
        indexes = [
            models.Index(fields=["tenant", "month", "subscription", "metric", "at"], name="cost_receipts_of_slice"),
            models.Index(fields=["tenant", "run"], name="cost_receipts_of_run"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.metric}: {self.verdict}"


class CostSlice(TenantOwned):
    """The state of one slice: when and from where it was last stored, and whether a later reading was refused.

    A slice that was read and had no row is here too, with `row_count` 0: nothing was spent. One that is not here was
    never read. `through` is the last day that has a row; days of the open month after it are not yet known.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()  # its first day
    metric = models.CharField(max_length=16, choices=Metric)
    source = models.CharField(max_length=16, choices=Source)
    has_resources = models.BooleanField()  # False: the source names services and resource groups only
    finality = models.CharField(max_length=16, choices=Finality)
    read_at = models.DateTimeField()
    through = models.DateField(null=True, blank=True)
    row_count = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)  # over the rows: the same content is not written again
    receipt = models.ForeignKey(CostReceipt, models.PROTECT, related_name="+", db_index=False)
    refused_at = models.DateTimeField(null=True, blank=True)  # a later reading that was not believed
    refusal = models.CharField(max_length=1000, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(SliceQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "cost_slices"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "month", "subscription", "metric"], name="one_cost_slice")
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.metric} ({self.finality})"


class CostRow(TenantOwned):
    """What every table of costs has: whose, which month and day, which metric, in which currency, how much.

    Rows are written and dropped with their slice alone, whose row has the database's constraints: looking them up again
    for each row took a third of storing on PostgreSQL, and longer the more tenants there are (ADR 41).
    """

    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    month = models.DateField()
    subscription = models.ForeignKey(
        "tenants.Subscription", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    metric = models.CharField(max_length=16, choices=Metric)
    day = models.DateField()
    currency = models.CharField(max_length=8)  # ISO 4217, upper case
    amount = AmountField()

    objects: ClassVar[Any] = TenantManager.from_queryset(CostQuerySet)()

    class Meta(TenantOwned.Meta):
        abstract = True


class CostRecord(CostRow):
    """One row of a cost file or query, as it came. There is no id in it; several rows a meter and day are normal.

    What a source does not tell is "". `azure_id` is as given, `azure_id_hash` the SHA-256 of its lower-cased form (""
    for none: purchases, taxes, rounding). `tag_set` names its tags in `cost_tags`. Names of groups, services and
    regions stand as given; the sums fold their case.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    azure_id = models.CharField(max_length=2048, blank=True)
    azure_id_hash = models.CharField(max_length=64, blank=True)
    resource_group = models.CharField(max_length=256, blank=True)
    service = models.CharField(
        max_length=128, blank=True
    )  # EA/MCA: ConsumedService's meter category; FOCUS: ServiceName
    meter = models.CharField(max_length=256, blank=True)
    region = models.CharField(max_length=64, blank=True)
    charge_type = models.CharField(max_length=64, blank=True)  # Usage, Purchase, Refund, UnusedReservation, Tax, ...
    pricing_model = models.CharField(max_length=64, blank=True)  # OnDemand, Reservation, SavingsPlan, Spot
    benefit = models.CharField(max_length=256, blank=True)  # the reservation or savings plan, by name or id
    quantity = AmountField(null=True, blank=True)
    unit = models.CharField(max_length=64, blank=True)
    tag_set = models.CharField(max_length=64, blank=True)

    class Meta(CostRow.Meta):
        abstract = False
        db_table = "cost_data"
        indexes = [
            models.Index(fields=["tenant", "month", "subscription", "metric", "day", "id"], name="cost_data_of_slice"),
            models.Index(fields=["tenant", "month", "azure_id_hash"], name="cost_data_of_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.amount} {self.currency}"


class DailyCost(CostRow):
    """The sum of a day by service, resource group and region (folded to lower case, but for the service's name)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    resource_group = models.CharField(max_length=256, blank=True)
    service = models.CharField(max_length=128, blank=True)
    region = models.CharField(max_length=64, blank=True)
    charge_type = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField()

    class Meta(CostRow.Meta):
        abstract = False
        db_table = "daily_costs"
        indexes = [
            models.Index(fields=["tenant", "month", "subscription", "metric", "day"], name="daily_costs_of_slice")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.service} {self.amount} {self.currency}"


class DailyResourceCost(CostRow):
    """The sum of a day by resource, service and set of tags. Only where the source names resources."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    azure_id_hash = models.CharField(max_length=64, blank=True)  # "" for what belongs to no resource
    service = models.CharField(max_length=128, blank=True)
    tag_set = models.CharField(max_length=64, blank=True)

    class Meta(CostRow.Meta):
        abstract = False
        db_table = "daily_resource_costs"
        indexes = [
            models.Index(
                fields=["tenant", "month", "subscription", "metric", "day"], name="daily_resource_costs_of_slice"
            ),
            models.Index(fields=["tenant", "azure_id_hash", "metric", "day"], name="daily_resource_costs_of_one"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.azure_id_hash[:8]} {self.amount} {self.currency}"


class DailyTagCost(CostRow):
    """The sum of a day by one tag's value, beside the dimensions of `DailyCost`.

    A row with three tags counts in three of these, so they are summed for one tag only. What lacks the tag is the sum
    of `daily_costs` less the sum of these.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=512)  # of the tag, lower case
    value = models.CharField(max_length=256, blank=True)
    resource_group = models.CharField(max_length=256, blank=True)
    service = models.CharField(max_length=128, blank=True)
    region = models.CharField(max_length=64, blank=True)

    class Meta(CostRow.Meta):
        abstract = False
        db_table = "daily_tag_costs"
        indexes = [
            models.Index(fields=["tenant", "month", "subscription", "metric", "day"], name="daily_tag_costs_of_slice"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}={self.value} {self.amount} {self.currency}"


class CostedResource(TenantOwned):
    """A resource that cost something, by the id that the cost data give. It may be long gone from the inventory."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    azure_id_hash = models.CharField(max_length=64)
    azure_id = models.CharField(max_length=2048)
    name = models.CharField(max_length=512)
    type = models.CharField(max_length=256, blank=True)  # lower case
    resource_group = models.CharField(max_length=256, blank=True)  # lower case
    region = models.CharField(max_length=64, blank=True)

    class Meta(TenantOwned.Meta):
        db_table = "cost_resources"
        constraints = [models.UniqueConstraint(fields=["tenant", "azure_id_hash"], name="one_costed_resource")]

    def __str__(self) -> str:
        return self.name


class CostTag(TenantOwned):
    """One tag of a set of tags that cost rows carry. `tag_set` is the SHA-256 of the set's canonical JSON."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tag_set = models.CharField(max_length=64)
    key = models.CharField(max_length=512)  # lower case: Azure ignores it
    name = models.CharField(max_length=512)  # as given
    value = models.CharField(max_length=256, blank=True)

    class Meta(TenantOwned.Meta):
        db_table = "cost_tags"
        constraints = [models.UniqueConstraint(fields=["tenant", "tag_set", "key"], name="one_tag_in_a_set")]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Restatement(TenantOwned):
    """One replacement of a slice that had been stored before, in one currency: before + arrived + moved = after.

    `arrived` is of days that the slice did not reach before, or that were not whole when it was read (the open month
    grows); `moved` is what changed of days that had been told as a whole, and its lines say where.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey("tenants.Subscription", models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    metric = models.CharField(max_length=16, choices=Metric)
    receipt = models.ForeignKey(CostReceipt, models.PROTECT, related_name="+", db_index=False)  # of the new state
    at = models.DateTimeField()
    currency = models.CharField(max_length=8)
    before = AmountField()
    arrived = AmountField()
    moved = AmountField()
    after = AmountField()
    finality_before = models.CharField(max_length=16, choices=Finality)

    objects: ClassVar[Any] = TenantManager.from_queryset(RestatementQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "cost_restatements"
        indexes = [models.Index(fields=["tenant", "at", "id"], name="cost_restatements_in_order")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.metric}: {self.moved:+} {self.currency}"


class RestatementLine(TenantOwned):
    """What moved of one day, service and resource ("" where the source names none)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    restatement = models.ForeignKey(Restatement, models.CASCADE, related_name="lines", db_index=False)
    day = models.DateField()
    service = models.CharField(max_length=128, blank=True)
    azure_id_hash = models.CharField(max_length=64, blank=True)
    before = AmountField()
    after = AmountField()

    class Meta(TenantOwned.Meta):
        db_table = "cost_restatement_lines"
        indexes = [models.Index(fields=["tenant", "restatement", "day"], name="cost_restatement_lines_of")]

    def __str__(self) -> str:
        return f"{self.day} {self.service}: {self.before} -> {self.after}"


class ExchangeRate(models.Model):
    """What one unit of a currency was worth in another on a day. Used for display only, and said so beside it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    day = models.DateField()
    base = models.CharField(max_length=8)
    quote = models.CharField(max_length=8)
    rate = models.DecimalField(max_digits=18, decimal_places=9)  # units of `quote` for one unit of `base`
    source = models.CharField(max_length=200)

    class Meta:
        db_table = "exchange_rates"
        constraints = [models.UniqueConstraint(fields=["base", "quote", "day"], name="one_rate_a_day")]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.quote} on {self.day}"
