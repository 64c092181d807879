"""Rows of costs as reports and exports print them, with the columns of the subscription's agreement.

Columns: https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from operator import add

from governance.azure.simulator.billing import EA, MCA
from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.charges import (
    PURCHASE,
    REFUND,
    RESERVATION,
    USAGE,
    Charge,
    Item,
    amount_text,
    next_month,
    price_text,
    quantity_text,
)
from governance.azure.simulator.names import GLOBAL
from governance.azure.simulator.world import Subscription

_EA_COLUMNS = """InvoiceSectionName AccountName AccountOwnerId SubscriptionId SubscriptionName ResourceGroup
    ResourceLocation Date ProductName MeterCategory MeterSubCategory MeterId MeterName MeterRegion
    UnitOfMeasure Quantity EffectivePrice CostInBillingCurrency CostCenter ConsumedService ResourceId Tags
    OfferId AdditionalInfo ServiceInfo1 ServiceInfo2 ResourceName ReservationId ReservationName UnitPrice
    ProductOrderId ProductOrderName Term PublisherType PublisherName ChargeType Frequency PricingModel
    AvailabilityZone BillingAccountId BillingAccountName BillingCurrencyCode BillingPeriodStartDate
    BillingPeriodEndDate BillingProfileId BillingProfileName InvoiceSectionId IsAzureCreditEligible PartNumber
    PayGPrice PlanName ServiceFamily CostAllocationRuleName benefitId benefitName"""
EA_COLUMNS = tuple(_EA_COLUMNS.split())
_MCA_COLUMNS = """invoiceId previousInvoiceId billingAccountId billingAccountName billingProfileId billingProfileName
    invoiceSectionId invoiceSectionName resellerName resellerMpnId costCenter billingPeriodEndDate
    billingPeriodStartDate servicePeriodEndDate servicePeriodStartDate date serviceFamily productOrderId
    productOrderName consumedService meterId meterName meterCategory meterSubCategory meterRegion ProductId
    ProductName SubscriptionId subscriptionName publisherType publisherId publisherName resourceGroupName ResourceId
    resourceLocation location effectivePrice quantity unitOfMeasure chargeType billingCurrency pricingCurrency
    costInBillingCurrency costInPricingCurrency costInUsd paygCostInBillingCurrency paygCostInUsd
    exchangeRatePricingToBilling exchangeRateDate isAzureCreditEligible serviceInfo1 serviceInfo2 additionalInfo
    tags PayGPrice frequency term reservationId reservationName pricingModel unitPrice costAllocationRuleName
    benefitId benefitName provider"""
MCA_COLUMNS = tuple(_MCA_COLUMNS.split())
DATE_FORMAT = "%m/%d/%Y"
RATES = {"USD": 10_000, "EUR": 10_837, "CHF": 11_231, "GBP": 12_719, "SEK": 953}  # 0.0001 USD for one unit
RATE_UNITS = 10_000
TERM_MONTHS = "12"
KEPT_DAYS = 1000
MARK = "\x00"  # stands for a varying cell; it occurs in no text
QUOTE = '"'
NEEDS_QUOTES = re.compile('[",\r\n]')


class Table(ABC):
    """Prints charges as lines of CSV. Rows of one item differ in few cells only, so the rest is made once.

    ``varying`` names the columns in which they differ, in the order of ``columns``. Items must live as long as a table.
    """

    columns: tuple[str, ...]
    varying: tuple[str, ...]
    amount_column: str
    currency_column: str
    has_mark = False  # begins with the UTF-8 byte order mark

    def __init__(self, subscription: Subscription, month: date, metric: str) -> None:
        self.subscription = subscription
        self.month = month.replace(day=1)
        self.month_end = next_month(month) - timedelta(days=1)
        self.metric = metric
        self._pieces: dict[int, list[str]] = {}

    def cells(self, charge: Charge) -> list[str]:
        """In the order of the columns."""
        cells = self.of_item(charge.item) | dict(zip(self.varying, self.of_charge(charge), strict=True))
        return [cells.get(name, "") for name in self.columns]

    def lines(self, charges: Iterable[Charge]) -> Iterator[str]:
        """The same as CSV, quickly: a million of them are written for a bench."""
        pieces = self._pieces
        for charge in charges:
            key = id(charge.item)
            if key not in pieces:
                pieces[key] = self._between(charge.item)
            first, *between = pieces[key]
            yield first + "".join(map(add, self.of_charge(charge), between))

    def _between(self, item: Item) -> list[str]:
        """What stands before, between and after the varying cells."""
        constant = self.of_item(item)
        line = csv_line(MARK if name in self.varying else constant.get(name, "") for name in self.columns)
        return line.split(MARK)

    @abstractmethod
    def of_item(self, item: Item) -> dict[str, str]: ...

    @abstractmethod
    def of_charge(self, charge: Charge) -> tuple[str, ...]:
        """The varying cells, which need no quotes."""

    def amount(self, charge: Charge) -> int:
        return charge.billed if self.metric == "actual" else charge.effective

    def price(self, item: Item) -> str:
        """What was paid for a unit: nothing on the day, where a reservation covered it."""
        is_covered = item.pricing_model == RESERVATION and item.charge_type == USAGE
        return "0" if is_covered and self.metric == "actual" else price_text(item.price)


class EnterpriseTable(Table):
    columns = EA_COLUMNS
    amount_column = "CostInBillingCurrency"
    currency_column = "BillingCurrencyCode"
    varying = ("Date", "Quantity", "CostInBillingCurrency")
    has_mark = True

    def of_item(self, item: Item) -> dict[str, str]:
        enrollment = str(int.from_bytes(digest(self.subscription.tenant_id, "enrollment")[:4], "big") % 10**7 + 10**7)
        name = self.subscription.display_name.split("-", maxsplit=1)[0].title()
        return {
            "InvoiceSectionName": name,
            "AccountName": f"{name} account",
            "AccountOwnerId": f"billing@{name.lower()}.onmicrosoft.com",
            "SubscriptionId": self.subscription.subscription_id,
            "SubscriptionName": self.subscription.display_name,
            "ResourceGroup": item.resource_group,
            "ResourceLocation": item.region.capitalize() if item.region != GLOBAL else "Unassigned",
            "ProductName": item.product,
            "MeterCategory": item.service,
            "MeterSubCategory": item.subcategory,
            "MeterId": item.meter_id,
            "MeterName": item.meter,
            "MeterRegion": item.region,
            "UnitOfMeasure": item.unit,
            "EffectivePrice": self.price(item),
            "CostCenter": "",
            "ConsumedService": item.provider,
            "ResourceId": item.resource_id,
            "Tags": bare_tags(item.tags),
            "OfferId": "MS-AZR-0017P",
            "AdditionalInfo": additional_info(item),
            "ResourceName": item.resource_name,
            "ReservationId": reservation_id(item),
            "ReservationName": item.benefit_name,
            "UnitPrice": price_text(item.list_price),
            "Term": TERM_MONTHS if item.benefit_id else "",
            "PublisherType": "Marketplace" if item.is_marketplace else "Azure",
            "PublisherName": item.publisher,
            "ChargeType": item.charge_type,
            "Frequency": frequency(item),
            "PricingModel": item.pricing_model,
            "BillingAccountId": enrollment,
            "BillingAccountName": name,
            "BillingCurrencyCode": item.currency,
            "BillingPeriodStartDate": self.month.strftime(DATE_FORMAT),
            "BillingPeriodEndDate": self.month_end.strftime(DATE_FORMAT),
            "BillingProfileId": enrollment,
            "BillingProfileName": name,
            "IsAzureCreditEligible": str(not item.is_marketplace),
            "PartNumber": f"AAA-{int(item.meter_id[:4], 16):05d}",
            "PayGPrice": price_text(item.list_price),
            "ServiceFamily": item.family,
            "benefitId": item.benefit_id,
            "benefitName": item.benefit_name,
        }

    def of_charge(self, charge: Charge) -> tuple[str, ...]:
        return american(charge.day), quantity_text(charge.quantity), amount_text(self.amount(charge))


class CustomerTable(Table):
    """Of a Microsoft Customer Agreement: three currencies, and tags as an object."""

    columns = MCA_COLUMNS
    amount_column = "costInBillingCurrency"
    currency_column = "billingCurrency"
    varying = ("date", "quantity", "costInBillingCurrency", "costInPricingCurrency", "costInUsd")

    def of_item(self, item: Item) -> dict[str, str]:
        account = f"{guid(self.subscription.tenant_id, 'account')}_2019-05-31"
        return {
            "billingAccountId": account,
            "billingAccountName": self.subscription.display_name.split("-", maxsplit=1)[0].title(),
            "billingProfileId": digest(account, "profile").hex()[:12].upper(),
            "billingProfileName": "Main profile",
            "invoiceSectionId": digest(account, "section").hex()[:12].upper(),
            "invoiceSectionName": "Main section",
            "billingPeriodStartDate": self.month.strftime(DATE_FORMAT),
            "billingPeriodEndDate": self.month_end.strftime(DATE_FORMAT),
            "servicePeriodStartDate": self.month.strftime(DATE_FORMAT),
            "servicePeriodEndDate": self.month_end.strftime(DATE_FORMAT),
            "serviceFamily": item.family,
            "consumedService": item.provider,
            "meterId": item.meter_id,
            "meterName": item.meter,
            "meterCategory": item.service,
            "meterSubCategory": item.subcategory,
            "meterRegion": item.region,
            "ProductId": f"DZH318Z{item.meter_id[:5].upper()}",
            "ProductName": item.product,
            "SubscriptionId": self.subscription.subscription_id,
            "subscriptionName": self.subscription.display_name,
            "publisherType": "Marketplace" if item.is_marketplace else "Microsoft",
            "publisherName": item.publisher,
            "resourceGroupName": item.resource_group,
            "ResourceId": item.resource_id,
            "resourceLocation": item.region,
            "location": item.region,
            "effectivePrice": self.price(item),
            "unitOfMeasure": item.unit,
            "chargeType": item.charge_type,
            "billingCurrency": item.currency,
            "pricingCurrency": "USD",
            "exchangeRatePricingToBilling": str(RATE_UNITS / RATES[item.currency]),
            "exchangeRateDate": self.month.strftime(DATE_FORMAT),
            "isAzureCreditEligible": str(not item.is_marketplace),
            "additionalInfo": additional_info(item),
            "tags": json.dumps(dict(item.tags), ensure_ascii=False) if item.tags else "",
            "PayGPrice": price_text(item.list_price),
            "frequency": frequency(item),
            "term": TERM_MONTHS if item.benefit_id else "",
            "reservationId": reservation_id(item),
            "reservationName": item.benefit_name,
            "pricingModel": item.pricing_model,
            "unitPrice": price_text(item.list_price),
            "benefitId": item.benefit_id,
            "benefitName": item.benefit_name,
            "provider": "Microsoft",
        }

    def of_charge(self, charge: Charge) -> tuple[str, ...]:
        amount = self.amount(charge)
        dollars = amount_text(amount * RATES[charge.item.currency] // RATE_UNITS)
        return american(charge.day), quantity_text(charge.quantity), amount_text(amount), dollars, dollars


def details_table(subscription: Subscription, month: date, metric: str) -> Table:
    """In the columns of the subscription's agreement."""
    tables = {EA: EnterpriseTable, MCA: CustomerTable}
    return tables[subscription.billing.agreement](subscription, month, metric)


def csv_line(cells: Iterable[str]) -> str:
    """With the line's end; quotes where they are needed."""
    return (
        ",".join(f'"{cell.replace(QUOTE, QUOTE * 2)}"' if NEEDS_QUOTES.search(cell) else cell for cell in cells)
        + "\r\n"
    )


@lru_cache(maxsize=KEPT_DAYS)
def american(day: date) -> str:
    return day.strftime(DATE_FORMAT)


def bare_tags(tags: Mapping[str, str] | None) -> str:
    """As files of Enterprise Agreements print them: an object without its braces."""
    return json.dumps(dict(tags), ensure_ascii=False, separators=(",", ": "))[1:-1] if tags else ""


def additional_info(item: Item) -> str:
    if item.service != "Virtual Machines" or item.charge_type != USAGE:
        return ""
    return json.dumps({"UsageType": "ComputeHR", "ServiceType": item.meter, "VCPUs": 2})


def reservation_id(item: Item) -> str:
    return item.benefit_id.rsplit("/", 1)[-1]


def frequency(item: Item) -> str:
    if item.charge_type == PURCHASE:
        return "Recurring"
    return "OneTime" if item.charge_type == REFUND else "UsageBased"
