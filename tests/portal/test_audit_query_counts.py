"""The number of queries of the audit pages does not grow with the events."""

import pytest

from audit.trail import gathered, record, record_concerning
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.models import Tenant, User
from tests.conftest import signed_in
from tests.portal.test_query_counts import add_tenants, assert_constant, queries


def add_events(tenant: Tenant, other: Tenant, count: int) -> None:
    """So many more events in the tenant's chain and in the platform's, each concerning the tenant."""
    with entered(Scope.every_tenant(reason="A test writes events.")), gathered():
        for _ in range(count):
            record(Verb.TENANT_PAUSED, tenant_id=tenant.id, target=tenant, after={"status": "paused"})
            record(Verb.TENANT_LOOKED_AT, tenant_id=tenant.id, after={"role": "reader"})
            record(Verb.EVERY_TENANT_LOOKED_AT, tenant_id=None, after={"role": "platform auditor"})
            record_concerning(Verb.EXPORT_MADE, [tenant.id, other.id])


@pytest.mark.parametrize("who", ["alice", "auditor"])
@pytest.mark.parametrize(
    "path",
    [
        "/audit/",
        "/audit/?verb=tenant.paused&tenant=contoso&sort=at",
        "/audit/chains/",
        "/tenants/{tenant}/looks/",
        "/api/v1/audit/events/",
        "/api/v1/tenants/{tenant}/looks/",
    ],
)
def test_events(contoso: Tenant, fabrikam: Tenant, path: str, who: str, request: pytest.FixtureRequest) -> None:
    browser, counts = signed_in(request.getfixturevalue(who)), {}
    for events in (2, 20, 400):
        add_events(contoso, fabrikam, events)
        counts[events] = queries(browser, path.format(tenant=contoso.id))

    assert_constant(counts)


@pytest.mark.parametrize("path", ["/audit/chains/", "/audit/"])
def test_chains(contoso: Tenant, auditor: User, path: str) -> None:
    browser, counts = signed_in(auditor), {}
    for tenants in (3, 10, 40):
        add_tenants(tenants)
        with entered(Scope.every_tenant(reason="A test writes events.")), gathered():
            for tenant in Tenant.objects.all():
                record(Verb.TENANT_PAUSED, tenant_id=tenant.id, target=tenant)
        counts[tenants] = queries(browser, path)

    assert_constant(counts)
