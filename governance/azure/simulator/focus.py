"""Rows of costs in the FOCUS 1.0 columns of Azure's export: one row tells the actual and the amortized cost.

https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-focus
"""

import json
from datetime import date, timedelta
from functools import lru_cache

from governance.azure.simulator.billing import MCA
from governance.azure.simulator.chance import digest
from governance.azure.simulator.charges import (
    PURCHASE,
    REFUND,
    RESERVATION,
    ROUNDING,
    TAX,
    UNUSED,
    USAGE,
    Charge,
    Item,
    amount_text,
    next_month,
    price_text,
    quantity_text,
)
from governance.azure.simulator.cost_tables import KEPT_DAYS, RATE_UNITS, RATES, Table, frequency, reservation_id

_FOCUS_COLUMNS = """BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd
    BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
    CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus
    CommitmentDiscountType ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
    InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit ProviderName PublisherName
    RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId
    SubAccountName SubAccountType Tags x_AccountId x_AccountName x_AccountOwnerId x_BilledCostInUsd x_BilledUnitPrice
    x_BillingAccountId x_BillingAccountName x_BillingExchangeRate x_BillingExchangeRateDate x_BillingProfileId
    x_BillingProfileName x_ContractedCostInUsd x_CostAllocationRuleName x_CostCenter x_CustomerId x_CustomerName
    x_EffectiveCostInUsd x_EffectiveUnitPrice x_InvoiceId x_InvoiceIssuerId x_InvoiceSectionId x_InvoiceSectionName
    x_ListCostInUsd x_PartnerCreditApplied x_PartnerCreditRate x_PricingBlockSize x_PricingCurrency
    x_PricingSubcategory x_PricingUnitDescription x_PublisherCategory x_PublisherId x_ResellerId x_ResellerName
    x_ResourceGroupName x_ResourceType x_ServicePeriodEnd x_ServicePeriodStart x_SkuDescription x_SkuDetails
    x_SkuIsCreditEligible x_SkuMeterCategory x_SkuMeterId x_SkuMeterName x_SkuMeterSubcategory x_SkuOfferId
    x_SkuOrderId x_SkuOrderName x_SkuPartNumber x_SkuRegion x_SkuServiceFamily x_SkuTerm x_SkuTier"""
FOCUS_COLUMNS = tuple(_FOCUS_COLUMNS.split())
_NUMBERS = """BilledCost ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost ListUnitPrice
    PricingQuantity x_BilledCostInUsd x_BilledUnitPrice x_BillingExchangeRate x_ContractedCostInUsd
    x_EffectiveCostInUsd x_EffectiveUnitPrice x_ListCostInUsd x_PricingBlockSize x_SkuTerm"""
NUMBERS = frozenset(_NUMBERS.split())  # in Parquet
_MOMENTS = """BillingPeriodEnd BillingPeriodStart ChargePeriodEnd ChargePeriodStart x_BillingExchangeRateDate
    x_ServicePeriodEnd x_ServicePeriodStart"""
MOMENTS = frozenset(_MOMENTS.split())
ONE_DAY = timedelta(days=1)
CATEGORIES = {
    USAGE: "Usage",
    UNUSED: "Usage",
    PURCHASE: "Purchase",
    REFUND: "Purchase",
    TAX: "Tax",
    ROUNDING: "Adjustment",
}
FREQUENCIES = {"Recurring": "Recurring", "OneTime": "One-Time", "UsageBased": "Usage-Based"}
WITHOUT_ACCOUNT = (UNUSED, ROUNDING)  # a known gap of the data: these rows name no sub account
SERVICE_CATEGORIES = {"Management and Governance": "Management and Governance", "Storage": "Storage"}


class FocusTable(Table):
    """Resource IDs in lower case, as the real one has them; what is not known is empty."""

    columns = FOCUS_COLUMNS
    amount_column = "BilledCost"
    currency_column = "BillingCurrency"
    varying = (
        "BilledCost",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ConsumedQuantity",
        "ContractedCost",
        "EffectiveCost",
        "ListCost",
        "PricingQuantity",
        "x_BilledCostInUsd",
        "x_EffectiveCostInUsd",
    )

    def of_item(self, item: Item) -> dict[str, str]:
        return {
            **self._of_account(item),
            **self._of_commitment(item),
            **self._of_sku(item),
            "BillingCurrency": item.currency,
            "ChargeCategory": CATEGORIES[item.charge_type],
            "ChargeClass": "Correction" if item.charge_type == REFUND else "",
            "ChargeDescription": item.product or item.charge_type,
            "ChargeFrequency": FREQUENCIES[frequency(item)],
            "ConsumedUnit": _unit(item) if item.charge_type == USAGE else "",
            "InvoiceIssuerName": "Microsoft",
            "ProviderName": "Microsoft",
            "PublisherName": "" if item.pricing_model == RESERVATION else item.publisher,
            "RegionId": item.region,
            "RegionName": item.region,
            "ResourceId": item.resource_id.lower(),
            "ResourceName": item.resource_name.lower(),
            "ResourceType": item.resource_type.rsplit("/", 1)[-1],
            "ServiceCategory": SERVICE_CATEGORIES.get(item.family, item.family or "Other"),
            "ServiceName": item.service,
            "Tags": json.dumps(dict(item.tags), ensure_ascii=False) if item.tags else "",
            "x_PricingCurrency": "USD",
            "x_PublisherCategory": "Vendor" if item.is_marketplace else "Cloud Provider",
            "x_ResourceGroupName": item.resource_group.lower(),
            "x_ResourceType": item.resource_type.lower(),
        }

    def of_charge(self, charge: Charge) -> tuple[str, ...]:
        item, rate = charge.item, RATES[charge.item.currency]
        quantity, billed = quantity_text(charge.quantity), amount_text(charge.billed)
        billed_in_usd = amount_text(charge.billed * rate // RATE_UNITS)
        is_same = charge.billed == charge.effective
        is_gap = item.is_marketplace or item.pricing_model == RESERVATION  # known: their list cost is 0
        return (
            billed,
            _moment(charge.day + ONE_DAY),
            _moment(charge.day),
            quantity if item.charge_type == USAGE else "",
            "0" if is_gap else billed,
            billed if is_same else amount_text(charge.effective),
            "0" if is_gap else amount_text(charge.quantity * item.list_price),
            quantity,
            billed_in_usd,
            billed_in_usd if is_same else amount_text(charge.effective * rate // RATE_UNITS),
        )

    def _of_account(self, item: Item) -> dict[str, str]:
        """Rows of unused benefits and of rounding name no sub account."""
        name = self.subscription.display_name.split("-", maxsplit=1)[0].title()
        number = str(int.from_bytes(digest(self.subscription.tenant_id, "enrollment")[:4], "big") % 10**7 + 10**7)
        account = f"/providers/Microsoft.Billing/billingAccounts/{number}"
        is_mca = self.subscription.billing.agreement == MCA
        common = {
            "BillingAccountId": f"{account}/billingProfiles/main" if is_mca else account,
            "BillingAccountName": name,
            "BillingAccountType": "Billing Profile" if is_mca else "Billing Account",
            "BillingPeriodStart": _moment(self.month),
            "BillingPeriodEnd": _moment(next_month(self.month)),
            "x_BillingAccountId": number,
            "x_BillingAccountName": name,
            "x_BillingProfileName": name,
        }
        if item.charge_type in WITHOUT_ACCOUNT:
            return common
        return {
            **common,
            "SubAccountId": f"/subscriptions/{self.subscription.subscription_id}",
            "SubAccountName": self.subscription.display_name,
            "SubAccountType": "Subscription",
        }

    def _of_commitment(self, item: Item) -> dict[str, str]:
        if not item.benefit_id:
            return {"PricingCategory": "Standard" if item.charge_type == USAGE else ""}
        statuses = {USAGE: "Used", UNUSED: "Unused"}
        return {
            "CommitmentDiscountCategory": "Usage",
            "CommitmentDiscountId": item.benefit_id.lower(),
            "CommitmentDiscountName": item.benefit_name,
            "CommitmentDiscountStatus": statuses.get(item.charge_type, ""),
            "CommitmentDiscountType": "Reservation",
            "PricingCategory": "Committed",
            "x_SkuOrderId": item.benefit_id.split("/")[4],
            "x_SkuTerm": "12",
            "x_SkuDetails": json.dumps({"ReservationId": reservation_id(item)}),
        }

    def _of_sku(self, item: Item) -> dict[str, str]:
        meter = item.meter_id
        return {
            "ListUnitPrice": price_text(item.list_price),
            "ContractedUnitPrice": price_text(item.price),
            "PricingUnit": _unit(item),
            "SkuId": meter[:8],
            "SkuPriceId": meter[:13],
            "x_BilledUnitPrice": price_text(item.price),
            "x_EffectiveUnitPrice": price_text(item.price),
            "x_PricingUnitDescription": item.unit,
            "x_SkuDescription": item.product,
            "x_SkuIsCreditEligible": str(not item.is_marketplace).lower(),
            "x_SkuMeterCategory": item.service,
            "x_SkuMeterId": meter,
            "x_SkuMeterName": item.meter,
            "x_SkuMeterSubcategory": item.subcategory,
            "x_SkuRegion": item.region,
            "x_SkuServiceFamily": item.family,
        }


def _unit(item: Item) -> str:
    """``1 Hour`` is counted in hours."""
    word = item.unit.split(" ")[-1].split("/")[-1]
    return f"{word}s" if word.isalpha() else "Units"


@lru_cache(maxsize=KEPT_DAYS)
def _moment(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
