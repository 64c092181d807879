"""Which kind of cost file a header belongs to, and which of its columns say what. Pure.

Three kinds: cost details of an Enterprise Agreement (EA) and of a Microsoft Customer Agreement (MCA), which tell one
metric a file, and FOCUS 1.0-preview to 1.2, which tells both metrics in each row. Names of columns differ among account
types in case and spacing, so they are compared folded. The lists are those of
https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/schema-index (EA to 2024-08-01 and the older
order with `Cost`, MCA 2023-12-01-preview, FOCUS 1.0-preview(v1), 1.0 and 1.2-preview).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

ACTUAL, AMORTIZED = "actual", "amortized"  # costs.models.Metric

EA_COLUMNS = """
InvoiceSectionName AccountName AccountOwnerId SubscriptionId SubscriptionName ResourceGroup ResourceLocation Date
ProductName MeterCategory MeterSubCategory MeterId MeterName MeterRegion UnitOfMeasure Quantity EffectivePrice
CostInBillingCurrency CostCenter ConsumedService ResourceId Tags OfferId AdditionalInfo ServiceInfo1 ServiceInfo2
ResourceName ReservationId ReservationName UnitPrice ProductOrderId ProductOrderName Term PublisherType
PublisherName ChargeType Frequency PricingModel AvailabilityZone BillingAccountId BillingAccountName
BillingCurrencyCode BillingPeriodStartDate BillingPeriodEndDate BillingProfileId BillingProfileName InvoiceSectionId
IsAzureCreditEligible PartNumber PayGPrice PlanName ServiceFamily CostAllocationRuleName benefitId benefitName
AccountId ResourceLocationNormalized Product Cost BillingCurrency InvoiceSection
"""
MCA_COLUMNS = """
invoiceId previousInvoiceId billingAccountId billingAccountName billingProfileId billingProfileName invoiceSectionId
invoiceSectionName resellerName resellerMpnId costCenter billingPeriodEndDate billingPeriodStartDate
servicePeriodEndDate servicePeriodStartDate date serviceFamily productOrderId productOrderName consumedService
meterId meterName meterCategory meterSubCategory meterRegion ProductId ProductName SubscriptionId subscriptionName
publisherType publisherId publisherName resourceGroupName ResourceId resourceLocation location effectivePrice
quantity unitOfMeasure chargeType billingCurrency pricingCurrency costInBillingCurrency costInPricingCurrency
costInUsd paygCostInBillingCurrency paygCostInUsd exchangeRatePricingToBilling exchangeRateDate
isAzureCreditEligible serviceInfo1 serviceInfo2 additionalInfo tags PayGPrice frequency term reservationId
reservationName pricingModel unitPrice costAllocationRuleName benefitId benefitName provider
"""
FOCUS_COLUMNS = """
BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd
BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus
CommitmentDiscountType ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit ProviderName PublisherName
RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId
SubAccountName SubAccountType Tags x_AccountId x_AccountName x_AccountOwnerId x_BilledCostInUsd x_BilledUnitPrice
x_BillingAccountId x_BillingAccountName x_BillingExchangeRate x_BillingExchangeRateDate x_BillingProfileId
x_BillingProfileName x_ContractedCostInUsd x_CostAllocationRuleName x_CostCenter x_CustomerId x_CustomerName
x_EffectiveCostInUsd x_EffectiveUnitPrice x_InvoiceId x_InvoiceIssuerId x_InvoiceSectionId x_InvoiceSectionName
x_ListCostInUsd x_PartnerCreditApplied x_PartnerCreditRate x_PricingBlockSize x_PricingCurrency x_PricingSubcategory
x_PricingUnitDescription x_PublisherCategory x_PublisherId x_ResellerId x_ResellerName x_ResourceGroupName
x_ResourceType x_ServicePeriodEnd x_ServicePeriodStart x_SkuDescription x_SkuDetails x_SkuIsCreditEligible
x_SkuMeterCategory x_SkuMeterId x_SkuMeterName x_SkuMeterSubcategory x_SkuOfferId x_SkuOrderId x_SkuOrderName
x_SkuPartNumber x_SkuRegion x_SkuServiceFamily x_SkuTerm x_SkuTier
"""
FOCUS_PREVIEW_COLUMNS = """
AvailabilityZone ChargeSubcategory Region UsageQuantity UsageUnit x_ChargeId x_OnDemandCost x_OnDemandCostInUsd
x_OnDemandUnitPrice
"""
FOCUS_LATER_COLUMNS = """
CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity CommitmentDiscountUnit InvoiceId
PricingCurrency ServiceSubcategory SkuMeter SkuPriceDetails x_AmortizationClass x_ServiceModel x_SkuPlanName
"""

AMOUNT, EFFECTIVE = "amount", "effective"  # FOCUS has a second amount in each row

# What is read of a file, and from which columns: the first that is there and tells something.
COST_DETAILS = MappingProxyType(
    {
        "day": ("Date",),
        "subscription": ("SubscriptionId",),
        "subscription_name": ("SubscriptionName",),
        "account": ("BillingAccountId",),
        "account_name": ("BillingAccountName",),
        "currency": ("BillingCurrency", "BillingCurrencyCode"),
        AMOUNT: ("CostInBillingCurrency", "Cost"),
        "azure_id": ("ResourceId",),
        "resource_group": ("ResourceGroup", "ResourceGroupName"),
        "service": ("MeterCategory", "ConsumedService"),
        "meter": ("MeterName",),
        "region": ("ResourceLocationNormalized", "ResourceLocation", "Location"),
        "charge_type": ("ChargeType",),
        "pricing_model": ("PricingModel",),
        "benefit": ("BenefitName", "ReservationName", "BenefitId", "ReservationId"),
        "quantity": ("Quantity",),
        "unit": ("UnitOfMeasure",),
        "tags": ("Tags",),
    }
)
FOCUS = MappingProxyType(
    {
        "day": ("ChargePeriodStart",),
        "subscription": ("SubAccountId",),
        "subscription_name": ("SubAccountName",),
        "account": ("BillingAccountId", "x_BillingAccountId"),
        "account_name": ("BillingAccountName", "x_BillingAccountName"),
        "currency": ("BillingCurrency",),
        AMOUNT: ("BilledCost",),
        EFFECTIVE: ("EffectiveCost",),
        "azure_id": ("ResourceId",),
        "resource_group": ("x_ResourceGroupName",),
        "service": ("ServiceName", "x_SkuMeterCategory"),
        "meter": ("x_SkuMeterName", "SkuMeter", "ChargeDescription"),
        "region": ("RegionId", "RegionName", "Region"),
        "charge_type": ("ChargeCategory",),
        "pricing_model": ("PricingCategory",),
        "benefit": ("CommitmentDiscountName", "CommitmentDiscountId"),
        "quantity": ("ConsumedQuantity", "UsageQuantity", "PricingQuantity"),
        "unit": ("ConsumedUnit", "UsageUnit", "PricingUnit"),
        "tags": ("Tags",),
        "benefit_type": ("CommitmentDiscountType",),
        "benefit_use": ("CommitmentDiscountStatus", "ChargeSubcategory"),
    }
)
REQUIRED = ("day", "currency", AMOUNT, EFFECTIVE, "subscription")
NO_VALUE = "NULL"  # what some exporters of FOCUS write for nothing


class UnreadableFileError(Exception):
    """A file that cannot be read as costs, or not to its end. Nothing of it is taken; the words say what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of cost file: its columns, folded, and what is read from which."""

    name: str
    columns: frozenset[str]
    sources: Mapping[str, tuple[str, ...]]

    @property
    def tells_both(self) -> bool:
        """True when each row has both metrics."""
        return EFFECTIVE in self.sources


def folded(name: str) -> str:
    """A column's name without what account types write differently: case, spaces and underscores."""
    return re.sub(r"[\s_]", "", name).lower()


def _names(text: str) -> frozenset[str]:
    return frozenset(folded(name) for name in text.split())


EA = Dialect("ea", _names(EA_COLUMNS), COST_DETAILS)
MCA = Dialect("mca", _names(MCA_COLUMNS), COST_DETAILS)
EVERY_FOCUS_COLUMN = _names(FOCUS_COLUMNS + FOCUS_PREVIEW_COLUMNS + FOCUS_LATER_COLUMNS)
FOCUS_PREVIEW = Dialect("focus-1.0-preview", EVERY_FOCUS_COLUMN, FOCUS)
FOCUS_1_0 = Dialect("focus-1.0", EVERY_FOCUS_COLUMN, FOCUS)
FOCUS_1_2 = Dialect("focus-1.2", EVERY_FOCUS_COLUMN, FOCUS)
ONLY_IN_PREVIEW = _names("ChargeSubcategory UsageQuantity UsageUnit Region")
ONLY_IN_1_2 = _names(FOCUS_LATER_COLUMNS)


def dialect_of(header: Sequence[str]) -> Dialect:
    """The kind of file with this header. Raises UnreadableFileError, which names what is missing."""
    names = [folded(name) for name in header]
    dialect = _nearest(frozenset(names))
    twice = sorted({name for name in header if names.count(folded(name)) > 1 and folded(name) in dialect.columns})
    if twice:
        raise UnreadableFileError(f"These columns are there twice: {', '.join(twice)}. Export the file again.")
    missing = [dialect.sources[what] for what in REQUIRED if what in dialect.sources]
    missing = [alternatives for alternatives in missing if not _has_any(names, alternatives)]
    if missing:
        wanted = ", ".join(" or ".join(alternatives) for alternatives in missing)
        raise UnreadableFileError(
            f"This is no cost file that can be read. The nearest kind is {dialect.name}, and of its columns these are "
            f"missing: {wanted}. Give cost details of EA or MCA, or FOCUS 1.0 to 1.2, with commas between the columns."
        )
    return dialect


def unknown_columns(header: Iterable[str], dialect: Dialect) -> tuple[str, ...]:
    """The columns that no list of the dialect has, as the file writes them."""
    return tuple(name for name in header if folded(name) not in dialect.columns)


def places(header: Sequence[str], dialect: Dialect) -> dict[str, tuple[int, ...]]:
    """Where each thing that is read stands: the indices of its columns, in the order in which they are asked.

    What a row cannot do without has one column only: another amount is an amount in another currency, maybe.
    """
    at = {folded(name): index for index, name in enumerate(header)}
    found = {
        what: tuple(at[folded(name)] for name in alternatives if folded(name) in at)
        for what, alternatives in dialect.sources.items()
    }
    return {what: there[:1] if what in REQUIRED else there for what, there in found.items()}


def _nearest(names: frozenset[str]) -> Dialect:
    if names & _names("BilledCost EffectiveCost ChargePeriodStart"):
        if names & ONLY_IN_1_2:
            return FOCUS_1_2
        return FOCUS_PREVIEW if names & ONLY_IN_PREVIEW else FOCUS_1_0
    return MCA if len(names & MCA.columns) > len(names & EA.columns) else EA


def _has_any(names: Iterable[str], alternatives: Iterable[str]) -> bool:
    return any(folded(name) in names for name in alternatives)


LONGEST_TAG_NAME, LONGEST_TAG_VALUE = 512, 256  # Azure's own limits; other clouds' values are cut
UNREADABLE_TAGS = "(unreadable tags)"


@lru_cache(maxsize=20_000)
def canonical_tags(text: str) -> str:
    """Tags as canonical JSON, "" for none. EA files write them without the braces.

    Text that is no JSON is kept as the value of one tag that says so: a row's money does not hang on its tags.
    """
    text = text.strip()
    if not text or text == NO_VALUE:
        return ""
    try:
        tags = json.loads(text if text.startswith("{") else f"{{{text.rstrip(',')}}}", strict=False)
    except (ValueError, RecursionError):
        tags = {UNREADABLE_TAGS: text}
    kept = {_clean(name)[:LONGEST_TAG_NAME]: _clean(_told(value))[:LONGEST_TAG_VALUE] for name, value in tags.items()}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if kept else ""


def _told(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clean(text: str) -> str:
    """What every engine can store: no NUL, no half of a surrogate pair."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
