"""Exports of costs as they are set up at a scope: what each tells, and where it delivers that."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date

from governance.azure.simulator.billing import Billing
from governance.azure.simulator.blobs import EXPORT_ACCOUNT
from governance.azure.simulator.chance import digest
from governance.azure.simulator.charges import Charge
from governance.azure.simulator.cost_files import Form, form_of
from governance.azure.simulator.cost_tables import Table, details_table
from governance.azure.simulator.focus import FocusTable
from governance.azure.simulator.ledger import Ledger
from governance.azure.simulator.world import Subscription

EXPORT_NAMES = {"FocusCost": "focus-daily", "ActualCost": "actual-daily", "AmortizedCost": "amortized-daily"}
METRICS = {"ActualCost": "actual", "AmortizedCost": "amortized"}


class Export(ABC):
    """``kind`` is the data set."""

    kind: str

    @property
    def name(self) -> str:
        return EXPORT_NAMES[self.kind]

    @property
    def id(self) -> str:
        return f"{self.scope}/providers/Microsoft.CostManagement/exports/{self.name}"

    @property
    def form(self) -> Form:
        return form_of(self.billing.export_format, self.billing.compression)

    @property
    @abstractmethod
    def owner(self) -> str:
        """The ID of what it stands at."""

    @property
    @abstractmethod
    def scope(self) -> str:
        """With a slash before it."""

    @property
    @abstractmethod
    def root(self) -> str:
        """The folder below which it delivers."""

    @property
    @abstractmethod
    def billing(self) -> Billing:
        """How it writes."""

    @property
    @abstractmethod
    def storage_id(self) -> str:
        """The resource ID of the storage account."""

    @property
    def storage_account(self) -> str:
        return self.storage_id.rsplit("/", 1)[1]

    @abstractmethod
    def content(self, costs: Ledger, month: date, day: date) -> tuple[Table, list[Charge]]:
        """What it tells of a month on a day."""

    @abstractmethod
    def restated_on(self, costs: Ledger, month: date) -> date | None:
        """The day on which something of it was restated to zero."""


@dataclass(frozen=True)
class SubscriptionExport(Export):
    subscription: Subscription
    kind: str

    @property
    def owner(self) -> str:
        return self.subscription.subscription_id

    @property
    def scope(self) -> str:
        return f"/subscriptions/{self.subscription.subscription_id}"

    @property
    def root(self) -> str:
        return self.subscription.display_name

    @property
    def billing(self) -> Billing:
        return self.subscription.billing

    @property
    def storage_id(self) -> str:
        return storage_id(self.subscription, account_of(self.subscription.tenant_id))

    def content(self, costs: Ledger, month: date, day: date) -> tuple[Table, list[Charge]]:
        return content(costs, self.subscription, self.kind, month, day)

    def restated_on(self, costs: Ledger, month: date) -> date | None:
        return costs.restated_on(self.subscription, month)


def exports_of(subscription: Subscription) -> list[Export]:
    return [SubscriptionExport(subscription, kind) for kind in subscription.billing.export_types]


def account_of(owner: str) -> str:
    """The storage account of a tenant or of a billing account."""
    return f"{EXPORT_ACCOUNT}{digest(owner, 'exports').hex()[:8]}"


def storage_id(subscription: Subscription, account: str) -> str:
    """The account is in a subscription of its own group, beside what is billed."""
    group = f"/subscriptions/{subscription.subscription_id}/resourceGroups/rg-finops"
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{account}"


def content(costs: Ledger, subscription: Subscription, kind: str, month: date, day: date) -> tuple[Table, list[Charge]]:
    """One subscription's part of a data set."""
    if kind == "FocusCost":
        return FocusTable(subscription, month, "actual"), costs.charges(subscription, month, as_of=day)
    metric = METRICS[kind]
    return details_table(subscription, month, metric), costs.rows(subscription, month, metric, as_of=day)
