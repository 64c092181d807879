"""Azure Resource Manager: tenants, subscriptions, resource groups and the plain list of resources.

Reference: https://learn.microsoft.com/rest/api/resources/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from governance.azure.errors import BadShapeError
from governance.azure.records import ResourceRecord, Unreadable, read_resource
from governance.azure.transport import AzureConnection, PageProgress, typed_errors

RESOURCE_FIELDS = "createdTime,changedTime,provisioningState"


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """A subscription as Azure shows it to us. `tenant_id` is the directory it belongs to, not the one that asked."""

    subscription_id: str
    tenant_id: str
    name: str
    state: str  # Enabled, Warned, PastDue, Disabled, Deleted
    quota_id: str  # names the offer, e.g. EnterpriseAgreement_2014-09-01


def list_subscriptions(azure: AzureConnection) -> list[SubscriptionRecord]:
    """Every subscription the application can see, to the last page. One that is missing is not thereby deleted.

    https://learn.microsoft.com/rest/api/resources/subscriptions/list
    """
    with typed_errors():
        return [read_subscription(row) for row in _unrepeated(azure.subscriptions.subscriptions.list())]


def read_subscription(row: dict[str, Any]) -> SubscriptionRecord:
    """One row of the subscriptions list. Raises BadShapeError when it lacks an id."""
    try:
        return SubscriptionRecord(
            subscription_id=row["subscriptionId"].lower(),
            tenant_id=row["tenantId"].lower(),
            name=row.get("displayName") or row["subscriptionId"],
            state=row.get("state") or "",
            quota_id=(row.get("subscriptionPolicies") or {}).get("quotaId") or "",
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise BadShapeError(f"A subscription could not be read: {error!r}.") from error


def can_read_groups(azure: AzureConnection, subscription_id: str) -> None:
    """Ask for one resource group: the cheapest proof of the role Reader. Raises AccessDeniedError or GoneError.

    https://learn.microsoft.com/rest/api/resources/resource-groups/list
    """
    with typed_errors():
        next(iter(azure.resources(subscription_id).resource_groups.list(top=1)), None)


def has_groups(azure: AzureConnection, subscription_id: str) -> bool:
    """Whether the subscription has a resource group at all."""
    with typed_errors():
        return next(iter(azure.resources(subscription_id).resource_groups.list(top=1)), None) is not None


def list_resources(azure: AzureConnection, subscription_id: str) -> Iterator[ResourceRecord | Unreadable]:
    """Every resource of a subscription, WITHOUT its properties (`properties` is None), to the last page.

    The way when Resource Graph refuses. https://learn.microsoft.com/rest/api/resources/resources/list
    """
    with typed_errors():
        rows = azure.resources(subscription_id).resources.list(expand=RESOURCE_FIELDS, top=1000)
        for row in _unrepeated(rows):
            yield read_resource({**row, "properties": None, "subscriptionId": subscription_id})


def _unrepeated(items: Any) -> Iterator[dict[str, Any]]:
    """Rows of an SDK pager as dicts; a page that comes again, or no end of empty ones, raises BadShapeError."""
    progress = PageProgress()
    pages = items.by_page()
    for page in pages:
        rows = [item.as_dict() for item in page]
        yield from rows
        progress.after_page(len(rows), pages.continuation_token)
