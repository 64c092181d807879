from collections.abc import Iterator

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SettableClock
from tests.azure.simulator_client import Caller


@pytest.fixture
def credential(small_azure: Simulator) -> Iterator[ClientSecretCredential]:
    tenant = small_azure.tenant("contoso")
    with ClientSecretCredential(
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        authority=small_azure.url,
        disable_instance_discovery=True,
        connection_verify=str(small_azure.ca_file),
    ) as found:
        yield found


@pytest.fixture
def resource_client(small_azure: Simulator, credential: ClientSecretCredential) -> Iterator[ResourceManagementClient]:
    subscription_id = small_azure.tenant("contoso").subscription_ids[0]
    with ResourceManagementClient(
        credential, subscription_id, base_url=small_azure.url, connection_verify=str(small_azure.ca_file)
    ) as client:
        yield client


def test_sdk_lists_the_subscriptions_that_the_principal_sees(
    small_azure: Simulator, credential: ClientSecretCredential
) -> None:
    with SubscriptionClient(credential, base_url=small_azure.url, connection_verify=str(small_azure.ca_file)) as client:
        found = list(client.subscriptions.list())
        tenants = list(client.tenants.list())

    assert {row.subscription_id for row in found} == set(small_azure.tenant("contoso").subscription_ids)
    assert {row.state for row in found} == {"Enabled"}
    assert [row.tenant_id for row in tenants] == [small_azure.tenant("contoso").tenant_id]


def test_sdk_follows_the_pages_of_resources(small_azure: Simulator, resource_client: ResourceManagementClient) -> None:
    found = list(resource_client.resources.list(top=7))

    subscription_id = small_azure.tenant("contoso").subscription_ids[0]
    expected = [row.id for row in small_azure.truth("contoso").resources if row.subscription_id == subscription_id]
    assert [row.id for row in found] == expected
    assert len(small_azure.requests) >= 5


def test_sdk_filters_resources_by_type(resource_client: ResourceManagementClient) -> None:
    found = list(resource_client.resources.list(filter="resourceType eq 'Microsoft.Compute/disks'"))

    assert {row.type for row in found} == {"Microsoft.Compute/disks"}


def test_sdk_follows_the_pages_of_resource_groups(
    small_azure: Simulator, resource_client: ResourceManagementClient
) -> None:
    found = list(resource_client.resource_groups.list(top=1))

    subscription_id = small_azure.tenant("contoso").subscription_ids[0]
    groups = small_azure.truth("contoso").resource_groups
    assert [row.name for row in found] == [row.name for row in groups if row.subscription_id == subscription_id]


def resources_path(caller: Caller) -> str:
    return f"/subscriptions/{caller.tenant.subscription_ids[0]}/resources"


def test_resource_manager_shows_no_properties(contoso_caller: Caller) -> None:
    rows = contoso_caller.get(resources_path(contoso_caller)).json()["value"]

    assert all("properties" not in row for row in rows)
    assert all("createdTime" not in row for row in rows)


def test_expansion_adds_the_times(contoso_caller: Caller) -> None:
    answer = contoso_caller.get(
        resources_path(contoso_caller), **{"$expand": "createdTime,changedTime,provisioningState"}
    )

    assert {"createdTime", "changedTime", "provisioningState"} <= answer.json()["value"][0].keys()


def test_tag_filter_finds_the_tagged(contoso_caller: Caller) -> None:
    answer = contoso_caller.get(
        resources_path(contoso_caller), **{"$filter": "tagName eq 'OWNER' and tagValue eq 'platform-team'"}
    )

    rows = answer.json()["value"]
    assert rows
    assert all("platform-team" in row["tags"].values() for row in rows)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"$filter": "name eq 'x'"}, "InvalidFilterInQueryString"),
        ({"$expand": "everything"}, "InvalidExpand"),
        ({"$top": "1001"}, "InvalidTop"),
        ({"$skiptoken": "forged"}, "InvalidSkipToken"),
        ({"api-version": ""}, "MissingApiVersionParameter"),
    ],
)
def test_what_is_not_understood_is_refused(contoso_caller: Caller, parameters: dict[str, str], code: str) -> None:
    answer = contoso_caller.get(resources_path(contoso_caller), **parameters)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_paths_and_query_names_ignore_letter_case(contoso_caller: Caller) -> None:
    answer = contoso_caller.follow(
        contoso_caller.azure.url + resources_path(contoso_caller).upper(), **{"API-Version": "2021-04-01", "$TOP": 3}
    )

    assert len(answer.json()["value"]) == 3


def test_next_link_is_absolute_and_expires(contoso_caller: Caller, simulator_clock: SettableClock) -> None:
    link = contoso_caller.get(resources_path(contoso_caller), **{"$top": 3}).json()["nextLink"]
    assert link.startswith(contoso_caller.azure.url)
    assert contoso_caller.follow(link).status_code == 200

    simulator_clock.offset = 3600
    contoso_caller.authorization = f"Bearer {contoso_caller.token()}"

    assert contoso_caller.follow(link).status_code == 400


def test_next_link_belongs_to_its_list(contoso_caller: Caller) -> None:
    link = contoso_caller.get(resources_path(contoso_caller), **{"$top": 3}).json()["nextLink"]

    assert contoso_caller.follow(link.replace("/resources?", "/resourcegroups?")).status_code == 400


def test_answers_carry_the_real_throttle_headers(contoso_caller: Caller) -> None:
    headers = contoso_caller.get(resources_path(contoso_caller)).headers

    assert headers["x-ms-ratelimit-remaining-subscription-global-reads"] == "3749"
    assert headers["x-ms-request-id"]
    assert headers["x-ms-correlation-request-id"]


def test_many_subscriptions_come_in_pages(simulator_folder: object, small_azure: Simulator) -> None:
    folder = small_azure.ca_file.parent
    with (
        Simulator(folder=folder, tenants=1, subscriptions_per_tenant=101, resources_per_tenant=0) as many,
        Caller(many, many.tenant("contoso")) as caller,
    ):
        first = caller.get("/subscriptions").json()
        second = caller.follow(first["nextLink"]).json()

    assert (len(first["value"]), len(second["value"])) == (100, 1)
    assert "nextLink" not in second


def test_delegated_subscription_names_its_own_tenant(small_azure: Simulator) -> None:
    with (
        Simulator(folder=small_azure.ca_file.parent, has_delegation=True) as shared,
        Caller(shared, shared.tenant("contoso")) as caller,
    ):
        rows = caller.get("/subscriptions").json()["value"]
        graph_tenants = {row["tenantId"] for row in caller.graph_rows()}

    foreign = [row for row in rows if row["tenantId"] != caller.tenant.tenant_id]
    assert [row["managedByTenants"] for row in foreign] == [[{"tenantId": caller.tenant.tenant_id}]]
    assert len(graph_tenants) == 2


def test_wrong_method_and_unknown_path(contoso_caller: Caller) -> None:
    assert contoso_caller.get("/providers/Microsoft.ResourceGraph/resources").status_code == 405
    assert contoso_caller.get("/providers/Microsoft.Nothing/here").status_code == 404
