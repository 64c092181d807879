"""The simulated world: tenants, their subscriptions, who sees what, and the truth a sync must arrive at."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from governance.azure.simulator import names
from governance.azure.simulator.billing import (
    ARRANGEMENTS,
    CURRENCIES,
    SECOND_CURRENCY,
    Billing,
    BillingAccount,
    usual_arrangement,
)
from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.estate import Estate
from governance.azure.simulator.ledger import Ledger
from governance.azure.simulator.orphans import EMPTY_GROUP
from governance.azure.simulator.resources import DAY_ZERO, Resource, render_group
from governance.azure.simulator.slots import Slot

EMPTIED_DAY = 3  # somebody clears up: the empty groups of all but a tenant's first subscription are deleted
BILLED_TENANTS = 2  # the first ones share the billing account, if there is one
VANISHING_DAY = 30  # the last subscription of the second tenant is out of sight from then on


@dataclass(frozen=True)
class Subscription:
    subscription_id: str
    tenant_id: str
    display_name: str
    quota_id: str
    state: str = "Enabled"
    managed_by_tenants: tuple[str, ...] = ()
    billing: Billing = field(default_factory=Billing)


@dataclass(frozen=True)
class Tenant:
    """A tenant and the one service principal that reads it."""

    name: str
    tenant_id: str
    client_id: str
    client_secret: str
    subscription_ids: tuple[str, ...]

    @property
    def domain(self) -> str:
        return f"{self.name}.onmicrosoft.com"

    @property
    def federated_subject(self) -> str:
        """Subject of the workload identity tokens that this tenant's application accepts."""
        return f"system:serviceaccount:governance:{self.name}"


@dataclass(frozen=True)
class Truth:
    """All that a tenant's principal could see on this day; ``resources`` by lower-cased ID."""

    name: str
    tenant_id: str
    day: int
    date: date
    subscriptions: tuple[Subscription, ...]
    resource_groups: tuple[Resource, ...]
    resources: tuple[Resource, ...]


@dataclass(frozen=True)
class Holdings:
    """What one tenant owns on one day, by subscription ID, each list by lower-cased resource ID."""

    day: int
    resources: Mapping[str, list[Resource]]
    groups: Mapping[str, list[Resource]]


class World:
    """Thread-safe. Days move forward cheaply; going back builds the estates again from day zero.

    ``day_zero`` is the date of day 0. ``cost_sources`` (names of ``billing.ARRANGEMENTS``) says for each tenant's
    first, second ... subscription how its costs can be read; without it every way occurs in turn.
    ``meters_per_resource`` makes every resource cost that many rows a day, for worlds of a million rows.
    ``billing_exports``, one of the same names, says what is exported at a billing account that several tenants share.
    """

    def __init__(  # noqa: PLR0913 - what a world is made of
        self,
        *,
        seed: int = 7,
        tenants: int = 2,
        subscriptions_per_tenant: int = 2,
        resources_per_tenant: int | Mapping[str, int] = 60,
        day: int = 0,
        day_file: Path | None = None,
        has_delegation: bool = False,
        day_zero: date = DAY_ZERO,
        cost_sources: Sequence[str] = (),
        meters_per_resource: int | None = None,
        billing_exports: str = "",
    ) -> None:
        self.seed = f"world-{seed}"
        self._counts = _counts(tenants, resources_per_tenant)
        self.day_zero = day_zero
        self._subscriptions = _subscriptions(self.seed, list(self._counts), subscriptions_per_tenant, cost_sources)
        self._everyone = tuple(self._tenant(name) for name in self._counts)
        self.billing_account = self._account(billing_exports) if billing_exports else None
        self._delegated = self._delegate() if has_delegation and tenants > 1 else None
        self._estates: dict[str, Estate] = {}
        self._holdings: dict[str, Holdings] = {}
        self._lock = threading.RLock()
        self._day_file = day_file
        self._day = day
        self.costs = Ledger(self, meters_per_resource=meters_per_resource)

    @property
    def day(self) -> int:
        return self._day

    def set_day(self, day: int) -> None:
        if day < 0:
            raise ValueError("The world begins on day 0.")
        with self._lock:
            self._day = day
            if self._day_file:
                self._day_file.write_bytes(orjson.dumps(self._calendar()))

    @property
    def today(self) -> date:
        return self.date_of(self._day)

    def date_of(self, day: int) -> date:
        return self.day_zero + timedelta(days=day)

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        """In order of creation, with the subscriptions that each principal sees today."""
        return tuple(self._as_of_today(tenant) for tenant in self._everyone)

    def tenant(self, name_or_id: str) -> Tenant | None:
        """By name, tenant ID or domain, in any letter case."""
        wanted = name_or_id.lower()
        for tenant in self._everyone:
            if wanted in (tenant.name, tenant.tenant_id, tenant.domain):
                return self._as_of_today(tenant)
        return None

    def subscriptions_seen_by(self, tenant: Tenant) -> tuple[Subscription, ...]:
        """The tenant's own ones, and with a delegation one of another tenant (Azure Lighthouse)."""
        own = [
            subscription
            for number, subscription in enumerate(self._subscriptions[tenant.name])
            if not self._has_vanished(tenant, number)
        ]
        if self._delegated and tenant.name == self._everyone[0].name:
            own.append(self._delegated)
        return tuple(own)

    @property
    def billed(self) -> tuple[Subscription, ...]:
        """What the billing account bills, whoever sees it."""
        account = self.billing_account
        return tuple(
            row
            for tenant in self._everyone
            if account and tenant.tenant_id in account.tenant_ids
            for row in self._subscriptions[tenant.name]
            if row.billing.agreement == account.billing.agreement
        )

    def resources_of(self, subscription: Subscription) -> list[Resource]:
        """Shared list: do not change it."""
        return self._held_by(subscription.tenant_id).resources.get(subscription.subscription_id, [])

    def groups_of(self, subscription: Subscription) -> list[Resource]:
        return self._held_by(subscription.tenant_id).groups.get(subscription.subscription_id, [])

    def slots_of(self, subscription: Subscription) -> list[Slot]:
        """Everything that was ever there up to today, gone or not, with its past."""
        with self._lock:
            self._held_by(subscription.tenant_id)
            slots = self._estates[subscription.tenant_id].slots
            return [slot for slot in slots if slot.group.subscription_id == subscription.subscription_id]

    def truth(self, name_or_id: str) -> Truth:
        tenant = self.tenant(name_or_id)
        if tenant is None:
            raise KeyError(name_or_id)
        subscriptions = self.subscriptions_seen_by(tenant)
        resources = [row for subscription in subscriptions for row in self.resources_of(subscription)]
        groups = [row for subscription in subscriptions for row in self.groups_of(subscription)]
        return Truth(
            name=tenant.name,
            tenant_id=tenant.tenant_id,
            day=self.day,
            date=self.today,
            subscriptions=subscriptions,
            resource_groups=tuple(groups),
            resources=tuple(sorted(resources, key=lambda row: row.key)),
        )

    def _calendar(self) -> dict[str, Any]:
        usual = {"day": self._day}
        return usual if self.day_zero == DAY_ZERO else {**usual, "day_zero": self.day_zero.isoformat()}

    def _as_of_today(self, tenant: Tenant) -> Tenant:
        seen = self.subscriptions_seen_by(tenant)
        return replace(tenant, subscription_ids=tuple(row.subscription_id for row in seen))

    def _has_vanished(self, tenant: Tenant, number: int) -> bool:
        if len(self._everyone) < 2 or tenant.name != self._everyone[1].name:
            return False
        return self.day >= VANISHING_DAY and number == len(self._subscriptions[tenant.name]) - 1

    def _held_by(self, tenant_id: str) -> Holdings:
        with self._lock:
            held = self._holdings.get(tenant_id)
            if held is None or held.day != self._day:
                held = self._build(tenant_id)
                self._holdings[tenant_id] = held
            return held

    def _build(self, tenant_id: str) -> Holdings:
        estate = self._estates.get(tenant_id)
        if estate is None or estate.day > self._day:
            estate = self._new_estate(tenant_id)
            self._estates[tenant_id] = estate
        estate.advance_to(self._day)
        return _holdings(estate)

    def _new_estate(self, tenant_id: str) -> Estate:
        tenant = next(tenant for tenant in self._everyone if tenant.tenant_id == tenant_id)
        ids = [subscription.subscription_id for subscription in self._subscriptions[tenant.name]]
        return Estate(
            self.seed,
            tenant_id=tenant_id,
            subscription_ids=ids,
            count=self._counts[tenant.name],
            day_zero=self.day_zero,
        )

    def _tenant(self, name: str) -> Tenant:
        return Tenant(
            name=name,
            tenant_id=guid(self.seed, name, "tenant"),
            client_id=guid(self.seed, name, "client"),
            client_secret="sim~" + digest(self.seed, name, "secret").hex()[:36],
            subscription_ids=tuple(row.subscription_id for row in self._subscriptions[name]),
        )

    def _account(self, exports: str) -> BillingAccount:
        _require_known([exports])
        return BillingAccount(
            account_id=str(int.from_bytes(digest(self.seed, "billing account")[:4], "big") % 10**7 + 10**7),
            name="Northwind Group",
            billing=ARRANGEMENTS[exports],
            tenant_ids=tuple(row.tenant_id for row in self._everyone[:BILLED_TENANTS]),
        )

    def _delegate(self) -> Subscription:
        """The first subscription of the last tenant, delegated to the first tenant."""
        last = self._everyone[-1].name
        own = self._subscriptions[last]
        own[0] = replace(own[0], managed_by_tenants=(self._everyone[0].tenant_id,))
        return own[0]


def stored_day(day_file: Path) -> int:
    """The day on which a simulator with this file stopped; 0 when there is none."""
    return int(_stored(day_file).get("day", 0))


def stored_day_zero(day_file: Path) -> date:
    """The date of day 0 of the simulator with this file."""
    text = _stored(day_file).get("day_zero")
    return date.fromisoformat(text) if text else DAY_ZERO


def _stored(day_file: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(day_file.read_bytes()) if day_file.exists() else {}
    return found


def _counts(tenants: int, resources: int | Mapping[str, int]) -> dict[str, int]:
    known = [names.tenant_name(number) for number in range(tenants)]
    if isinstance(resources, int):
        return dict.fromkeys(known, resources)
    strangers = set(resources) - set(known)
    if strangers:
        raise ValueError(f"No such tenants in this world: {', '.join(sorted(strangers))}")
    return {name: resources.get(name, 0) for name in known}


def _subscriptions(
    seed: str, tenants: list[str], each: int, cost_sources: Sequence[str]
) -> dict[str, list[Subscription]]:
    return {
        name: [
            Subscription(
                subscription_id=guid(seed, name, "subscription", number),
                tenant_id=guid(seed, name, "tenant"),
                display_name=names.subscription_name(name, number),
                quota_id=billing.quota_id,
                billing=billing,
            )
            for number, billing in enumerate(_billings(place, each, cost_sources))
        ]
        for place, name in enumerate(tenants)
    }


def _billings(place: int, each: int, cost_sources: Sequence[str]) -> list[Billing]:
    """Of the subscriptions of the tenant at this place."""
    wanted = [
        cost_sources[number % len(cost_sources)] if cost_sources else usual_arrangement(place, number)
        for number in range(each)
    ]
    _require_known(wanted)
    currency = CURRENCIES[place % len(CURRENCIES)]
    return [
        replace(ARRANGEMENTS[name], currency=currency, second_currency=SECOND_CURRENCY[currency] if number == 0 else "")
        for number, name in enumerate(wanted)
    ]


def _require_known(arrangements: Sequence[str]) -> None:
    strangers = set(arrangements) - set(ARRANGEMENTS)
    if strangers:
        raise ValueError(f"No such ways to read costs: {', '.join(sorted(strangers))}")


def _holdings(estate: Estate) -> Holdings:
    resources: dict[str, list[Resource]] = {}
    for resource in estate.resources():
        resources.setdefault(resource.subscription_id, []).append(resource)
    used = {id(slot.group) for slot in estate.slots if slot.is_alive}
    groups: dict[str, list[Resource]] = {}
    first = estate.groups[0].subscription_id if estate.groups else ""
    for group in sorted(estate.groups, key=lambda group: group.id.lower()):
        reason = None if id(group) in used else EMPTY_GROUP
        if reason and estate.day >= EMPTIED_DAY and group.subscription_id != first:
            continue
        row = render_group(group, tenant_id=estate.tenant_id, reason=reason, day_zero=estate.day_zero)
        groups.setdefault(group.subscription_id, []).append(row)
    return Holdings(estate.day, resources, groups)
