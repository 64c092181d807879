"""Can we read this tenant? Four questions, each with its remedy, asked of Azure itself."""

from dataclasses import dataclass, replace

from governance.azure.access import AzureAccess
from governance.azure.arm import SubscriptionRecord, can_read_groups, list_subscriptions
from governance.azure.errors import AzureError
from governance.azure.resource_graph import count_by_subscription
from governance.azure.transport import READER_REMEDY, AzureConnection


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question. `passed` is None when it could not be asked because an earlier one failed."""

    name: str
    passed: bool | None
    finding: str
    remedy: str = ""


def preflight(access: AzureAccess) -> list[Check]:
    """Ask all four, in order: token, subscriptions, Reader, Resource Graph. Never raises for what Azure answers."""
    try:
        with AzureConnection(access) as azure:
            return _ask(azure)
    except AzureError as error:
        return [
            Check("token", passed=False, finding=error.message, remedy=error.remedy),
            *_not_asked("subscriptions", "reader", "resource_graph"),
        ]


def is_readable(checks: list[Check]) -> bool:
    """True when every question was answered with yes."""
    return all(check.passed for check in checks)


def without_credentials(checks: list[Check], access: AzureAccess) -> list[Check]:
    """The same checks for the eyes of the tenant's people."""
    return [
        replace(check, finding=access.withhold(check.finding), remedy=access.withhold(check.remedy)) for check in checks
    ]


def _ask(azure: AzureConnection) -> list[Check]:
    azure.token()
    checks = [Check("token", passed=True, finding="Azure gave a token for this tenant.")]
    try:
        own, finding = _own_subscriptions(azure)
    except AzureError as error:
        failed = Check("subscriptions", passed=False, finding=error.message, remedy=error.remedy)
        return [*checks, failed, *_not_asked("reader", "resource_graph")]
    if not own:
        failed = Check("subscriptions", passed=False, finding=finding, remedy=READER_REMEDY)
        return [*checks, failed, *_not_asked("reader", "resource_graph")]
    return [
        *checks,
        Check("subscriptions", passed=True, finding=finding),
        _reader(azure, own),
        _resource_graph(azure, own),
    ]


def _own_subscriptions(azure: AzureConnection) -> tuple[list[SubscriptionRecord], str]:
    visible = list_subscriptions(azure)
    own = [record for record in visible if record.tenant_id == azure.access.tenant_id.lower()]
    foreign = len(visible) - len(own)
    finding = f"{len(own)} subscription(s) of this tenant are visible."
    if foreign:
        finding += f" {foreign} of other tenants are visible too and are left out; connect their tenants to read them."
    return own, finding


def _reader(azure: AzureConnection, own: list[SubscriptionRecord]) -> Check:
    refused: list[str] = []
    remedy = ""
    for record in own:
        try:
            can_read_groups(azure, record.subscription_id)
        except AzureError as error:
            refused.append(f"{record.name}: {error.message}")
            remedy = error.remedy or READER_REMEDY
    if refused:
        return Check("reader", passed=False, finding="Not readable: " + "; ".join(refused[:5]), remedy=remedy)
    return Check("reader", passed=True, finding=f"Resource groups of all {len(own)} subscription(s) can be read.")


def _resource_graph(azure: AzureConnection, own: list[SubscriptionRecord]) -> Check:
    try:
        counts = count_by_subscription(azure, [record.subscription_id for record in own])
    except AzureError as error:
        return Check("resource_graph", passed=False, finding=error.message, remedy=error.remedy or READER_REMEDY)
    return Check("resource_graph", passed=True, finding=f"Resource Graph answers: {sum(counts.values())} resource(s).")


def _not_asked(*names: str) -> list[Check]:
    return [Check(name, passed=None, finding="Not asked: an earlier check failed.") for name in names]
