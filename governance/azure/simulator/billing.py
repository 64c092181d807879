"""How a subscription is billed, and by which ways its costs can be read.

The offer's quota ID does not tell an Enterprise Agreement from a Microsoft Customer Agreement: an Azure plan has the
same one. https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data
"""

from dataclasses import dataclass

ENTERPRISE, PAY_AS_YOU_GO, DEV_TEST, SPONSORED = (
    "EnterpriseAgreement_2014-09-01",
    "PayAsYouGo_2014-09-01",
    "MSDNDevTest_2014-09-01",
    "Sponsored_2016-01-01",
)
CURRENCIES = ("EUR", "USD", "CHF", "GBP", "SEK")  # of the tenants, in turn
SECOND_CURRENCY = {"EUR": "USD", "USD": "EUR", "CHF": "EUR", "GBP": "USD", "SEK": "EUR"}
EA, MCA, WEB_DIRECT, NONE = "EA", "MCA", "WebDirect", "None"


@dataclass(frozen=True)
class Billing:
    """``export_types`` name what is exported daily to blob storage; ``second_currency`` is that of marketplace rows."""

    agreement: str = EA
    quota_id: str = ENTERPRISE
    currency: str = "EUR"
    second_currency: str = ""
    export_types: tuple[str, ...] = ()
    export_format: str = "Csv"
    compression: str = "none"

    @property
    def has_reports(self) -> bool:
        """Whether cost details reports are offered."""
        return self.agreement not in (WEB_DIRECT, NONE)

    @property
    def has_queries(self) -> bool:
        """Whether Cost Management answers at all: it supports only some types of offers."""
        return self.agreement != NONE

    @property
    def has_commitments(self) -> bool:
        """Whether there is a reservation, so that actual and amortized cost differ."""
        return self.agreement not in (WEB_DIRECT, NONE)


@dataclass(frozen=True)
class BillingAccount:
    """Bills all subscriptions of its own kind of agreement in these tenants, whose principals may read it."""

    account_id: str
    name: str
    billing: Billing  # of the account itself: its agreement, its currency, what it exports
    tenant_ids: tuple[str, ...]

    @property
    def scope(self) -> str:
        """Without a slash before it."""
        return f"providers/Microsoft.Billing/billingAccounts/{self.account_id}"


ARRANGEMENTS = {
    "ea-report": Billing(),
    "ea-focus-csv": Billing(export_types=("FocusCost",), compression="gzip"),
    "ea-focus-plain": Billing(export_types=("FocusCost",)),
    "ea-focus-parquet": Billing(export_types=("FocusCost",), export_format="Parquet", compression="snappy"),
    "ea-details-csv": Billing(export_types=("ActualCost", "AmortizedCost"), compression="gzip"),
    "mca-report": Billing(MCA, DEV_TEST),
    "mca-focus-parquet": Billing(MCA, DEV_TEST, export_types=("FocusCost",), export_format="Parquet"),
    "payg-query": Billing(WEB_DIRECT, PAY_AS_YOU_GO),
    "sponsored-none": Billing(NONE, SPONSORED),
}
USUAL = (  # by tenant, then by subscription; the offers are the same for every tenant
    ("ea-focus-csv", "payg-query", "mca-report"),
    ("ea-report", "payg-query", "mca-focus-parquet"),
    ("ea-details-csv", "payg-query", "mca-report"),
)


def usual_arrangement(tenant: int, number: int) -> str:
    """For the tenant at this place and its subscription with this number."""
    offers = len(USUAL[0])
    row = USUAL[(tenant + number // offers) % len(USUAL)]
    return row[number % offers]
