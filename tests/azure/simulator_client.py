"""A plain HTTP client of the simulator for its own tests: no retries, nothing hidden."""

from types import TracebackType
from typing import Any, Self

import requests

from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import Tenant

GRAPH_PATH = "/providers/Microsoft.ResourceGraph/resources"
GRAPH_VERSION = "2021-03-01"
ARM_VERSION = "2022-12-01"
COST_VERSION = "2025-03-01"
ARM_SCOPE = "https://management.azure.com/.default"
INVENTORY_QUERY = (
    "resources | project id, name, type, kind, location, resourceGroup, subscriptionId, tenantId, tags, sku, "
    "managedBy, zones, identity, properties | order by id asc"
)
COUNT_QUERY = "resources | summarize expected = count() by subscriptionId"
TIMEOUT_SECONDS = 10


class Caller:
    """Speaks as the principal of one tenant."""

    def __init__(self, azure: Simulator, tenant: Tenant) -> None:
        self.azure = azure
        self.tenant = tenant
        self.session = requests.Session()
        self.session.verify = str(azure.ca_file)
        self.session.trust_env = False
        self.authorization = f"Bearer {self.token()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def ask_for_token(self, tenant: str | None = None, **form: str) -> requests.Response:
        """A token request with these form fields changed; an empty value leaves the field out."""
        usual = {
            "grant_type": "client_credentials",
            "client_id": self.tenant.client_id,
            "client_secret": self.tenant.client_secret,
            "scope": ARM_SCOPE,
        }
        url = f"{self.azure.url}/{tenant or self.tenant.tenant_id}/oauth2/v2.0/token"
        fields = {name: value for name, value in {**usual, **form}.items() if value}
        return self.session.post(url, data=fields, timeout=TIMEOUT_SECONDS)

    def token(self, **form: str) -> str:
        return str(self.ask_for_token(**form).json()["access_token"])

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return self.follow(f"{self.azure.url}{path}", **{"api-version": ARM_VERSION, **parameters})

    def follow(self, url: str, **parameters: Any) -> requests.Response:
        headers = {"Authorization": self.authorization}
        return self.session.get(url, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS)

    def graph(self, query: str = INVENTORY_QUERY, *, version: str = GRAPH_VERSION, **options: Any) -> requests.Response:
        """``top``, ``skip_token`` and ``result_format`` become options; ``subscriptions`` is the scope."""
        subscriptions = options.pop("subscriptions", list(self.tenant.subscription_ids))
        names = {"top": "$top", "skip": "$skip", "skip_token": "$skipToken", "result_format": "resultFormat"}
        body = {
            "subscriptions": subscriptions,
            "query": query,
            "options": {names[name]: value for name, value in options.items()},
        }
        return self.session.post(
            f"{self.azure.url}{GRAPH_PATH}",
            params={"api-version": version},
            json=body,
            headers={"Authorization": self.authorization},
            timeout=TIMEOUT_SECONDS,
        )

    def graph_rows(self, query: str = INVENTORY_QUERY, *, top: int = 1000) -> list[dict[str, Any]]:
        """All pages."""
        rows: list[dict[str, Any]] = []
        options: dict[str, Any] = {"top": top}
        while True:
            answer = self.graph(query, **options).json()
            rows += answer["data"]
            if "$skipToken" not in answer:
                return rows
            options["skip_token"] = answer["$skipToken"]

    def post(self, path: str, body: Any, *, version: str = COST_VERSION, **headers: str) -> requests.Response:
        return self.repeat(f"{self.azure.url}{path}?api-version={version}", body, **headers)

    def repeat(self, url: str, body: Any, **headers: str) -> requests.Response:
        """POST to a complete address, such as the next link of a cost query."""
        return self.session.post(
            url, json=body, headers={"Authorization": self.authorization, **headers}, timeout=TIMEOUT_SECONDS
        )

    def control(self, method: str, topic: str, body: dict[str, Any] | None = None) -> requests.Response:
        url = f"{self.azure.url}/_simulator/{topic}"
        return self.session.request(method, url, json=body, timeout=TIMEOUT_SECONDS)
