"""Exports that stand at a billing account: in one file the rows of many subscriptions, of several tenants, and its own.

Rows of the account itself, such as what nobody used of a commitment that it shares, name no subscription.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from governance.azure.simulator.billing import Billing, BillingAccount
from governance.azure.simulator.charges import Charge, Item, horizon
from governance.azure.simulator.commitments import account_charges
from governance.azure.simulator.cost_tables import Table
from governance.azure.simulator.export_setups import METRICS, Export, account_of, content, storage_id
from governance.azure.simulator.ledger import Ledger
from governance.azure.simulator.world import Subscription, World

OF_SUBSCRIPTION = (
    *("SubscriptionId", "SubscriptionName", "subscriptionName", "AccountName", "AccountOwnerId"),
    *("SubAccountId", "SubAccountName", "SubAccountType"),
)
NAMES = ("BillingAccountName", "billingAccountName", "x_BillingAccountName")
NUMBERS = ("BillingAccountId", "billingAccountId", "x_BillingAccountId")


@dataclass(frozen=True)
class BillingExport(Export):
    """``subscriptions`` are those that the account bills."""

    account: BillingAccount
    subscriptions: tuple[Subscription, ...]
    kind: str

    @property
    def owner(self) -> str:
        return self.account.account_id

    @property
    def scope(self) -> str:
        return f"/{self.account.scope}"

    @property
    def root(self) -> str:
        return "billing"

    @property
    def billing(self) -> Billing:
        return self.account.billing

    @property
    def storage_id(self) -> str:
        return storage_id(self.subscriptions[0], account_of(self.account.account_id))

    def content(self, costs: Ledger, month: date, day: date) -> tuple[Table, list[Charge]]:
        parts = [content(costs, row, self.kind, month, day) for row in self.subscriptions]
        own = account_charges(self.account.account_id, self.billing, horizon(month, day))
        metric = METRICS.get(self.kind)
        if metric:
            own = [row for row in own if (row.is_actual if metric == "actual" else row.is_amortized)]
        table = JointTable(self.account, parts, own)
        rows = [row for _, part in parts for row in part] + own
        return table, sorted(rows, key=lambda row: row.day)

    def restated_on(self, costs: Ledger, month: date) -> date | None:
        return max(filter(None, (costs.restated_on(row, month) for row in self.subscriptions)), default=None)


class JointTable(Table):
    """Prints each charge as the table of its subscription does; those of the account name none."""

    def __init__(
        self, account: BillingAccount, parts: Sequence[tuple[Table, Sequence[Charge]]], own: Sequence[Charge]
    ) -> None:
        first = parts[0][0]
        super().__init__(first.subscription, first.month, first.metric)
        self.columns, self.varying, self.has_mark = first.columns, first.varying, first.has_mark
        self.amount_column, self.currency_column = first.amount_column, first.currency_column
        self._account = account
        self._tables = {id(row.item): table for table, rows in parts for row in rows}
        self._own = {id(row.item) for row in own}
        self._first = first

    def of_item(self, item: Item) -> dict[str, str]:
        cells = self._tables.get(id(item), self._first).of_item(item)
        cells |= dict.fromkeys(NAMES, self._account.name) | dict.fromkeys(NUMBERS, self._account.account_id)
        if "SubAccountId" in self.columns:
            cells["BillingAccountId"] = f"/{self._account.scope}"
        return cells | dict.fromkeys(OF_SUBSCRIPTION, "") if id(item) in self._own else cells

    def of_charge(self, charge: Charge) -> tuple[str, ...]:
        return self._tables.get(id(charge.item), self._first).of_charge(charge)


def exports_at_account(world: World) -> list[Export]:
    """What is set up at the world's billing account, if it has one that bills somebody."""
    account, billed = world.billing_account, world.billed
    if account is None or not billed:
        return []
    return [BillingExport(account, billed, kind) for kind in account.billing.export_types]
