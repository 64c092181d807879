"""What the parameters of lists and figures can be asked: values of one tenant, and words that are nobody's."""

from governance.tenancy import Scope, entered
from inventory.models import Resource
from tests.costs.crawled import disk_of
from tests.portal.crawl import Side

OF_NOBODY = {  # the same whoever asks
    "columns": ["name,tenant,azure_id"],
    "deleted": ["no", "yes", "any"],
    "orphaned": ["yes", "no", "unknown"],
    "changed_since": ["2020-01-01"],
    "since": ["2020-01-01"],
    "until": ["2199-01-01"],
    "baseline": ["any"],
    "field": ["tags"],
    "rule": ["disk-unattached"],
    "verdict": ["any"],
    "ended": ["any"],
    "older_than": ["0"],
    "state": ["active", "revoked"],
    "verb": ["tenant.connected", "run.finished"],
    "chain": ["platform", "tenants"],
    "kind": ["resources", "deleted", "process"],
    "outcome": ["partial", "done"],
    "role": ["admin", "reader"],
    "sort": ["name", "-name"],
    "page": ["1", "2"],
    "page_size": ["1000"],
    "status": ["done"],
    "format": ["csv"],
    "metric": ["actual", "amortized"],
    "currency": ["EUR"],
    "display_currency": ["EUR"],
    "moved": ["yes", "any"],
    "top": ["1"],
    "period": ["13-months"],
}


def of_resources(one: Side) -> dict[str, list[str]]:
    """Values that one resource of the tenant has, and names that no other tenant's has."""
    with entered(Scope.of(one.tenant.id)):
        row = Resource.objects.select_related("subscription").get(id=one.keys["resource"])
        names = sorted(Resource.objects.values_list("name", flat=True))
        groups = Resource.objects.values_list("resource_group", flat=True)
        unique, group = (next(name for name in found if name in one.markers) for found in (names, groups))
        tags = Resource.objects.exclude(tags={}).first().tags
    name, value = next(iter(tags.items()))
    return {
        "subscription": [row.subscription.subscription_id],
        "type": [row.type],
        "region": [row.location],
        "resource_group": [group],
        "tag": [name, f"{name}:{value}", f"costtag-of-{one.tenant.name}"],
        "q": [unique],
    }


def of_costs(one: Side) -> dict[str, list[str]]:
    """Values that the costs of the tenant have, and no other tenant's."""
    return {
        "service": [f"service-of-{one.tenant.name}"],
        "charge_type": [f"charge-of-{one.tenant.name}"],
        "resource": [disk_of(one.tenant)],
        "by": ["resource", f"service,tag:costtag-of-{one.tenant.name}", "month"],
        "then": ["resource", f"tag:costtag-of-{one.tenant.name}"],
    }
