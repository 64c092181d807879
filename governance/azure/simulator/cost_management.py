"""Cost Management as a whole: queries, reports, exports, and the blob storage that holds their files."""

from collections.abc import Callable, Collection
from functools import partial

from governance.azure.simulator.access import Access
from governance.azure.simulator.blobs import BLOB_PATH, REPORT_ACCOUNT, BlobStorage, Container
from governance.azure.simulator.cost_exports import CONTAINER as EXPORTS
from governance.azure.simulator.cost_exports import Exports
from governance.azure.simulator.cost_files import Workshop
from governance.azure.simulator.cost_query import CostQuery
from governance.azure.simulator.cost_quota import CostQuota
from governance.azure.simulator.cost_reports import CONTAINER as REPORTS
from governance.azure.simulator.cost_reports import Reports
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.exchange import Response
from governance.azure.simulator.export_setups import Export
from governance.azure.simulator.faults import Faults
from governance.azure.simulator.pages import Pages
from governance.azure.simulator.quota import Quota
from governance.azure.simulator.tokens import Tokens
from governance.azure.simulator.world import World

SUBSCRIPTION = r"/{1,2}subscriptions/([^/]+)"  # a scope that begins with a slash doubles it
COSTS = SUBSCRIPTION + r"/providers/microsoft\.costmanagement"
GROUP_COSTS = SUBSCRIPTION + r"/resourcegroups/([^/]+)/providers/microsoft\.costmanagement"
ACCOUNT_COSTS = r"/{1,2}providers/microsoft\.billing/billingaccounts/([^/]+)/providers/microsoft\.costmanagement"
Route = tuple[str, str, Callable[..., Response]]


class CostManagement:
    def __init__(
        self,
        world: World,
        access: Access,
        pages: Pages,
        tokens: Tokens,
        faults: Faults,
        quota: Quota,
        settings: CostSettings,
        now: Callable[[], float],
    ) -> None:
        self._workshop = Workshop(faults, settings)
        self._query = CostQuery(world, access, pages, CostQuota(quota, now), settings)
        self._exports = Exports(world, access, faults, self._workshop)
        self._storage = BlobStorage(world, tokens, settings, now, self._container_of)
        self._reports = Reports(world, access, faults, settings, self._workshop, now, self._storage.link)

    def routes(self) -> list[Route]:
        """Method, pattern of the path in lower case, and who answers with what the pattern found."""
        return [
            ("POST", COSTS + "/query", self._query.of_subscription),
            ("POST", GROUP_COSTS + "/query", self._query.of_group),
            ("POST", COSTS + "/generatecostdetailsreport", self._reports.ask),
            ("GET", COSTS + r"/costdetailsoperationresults/([^/]+)", self._reports.result),
            *self._of_exports(COSTS, self._exports.of_subscription),
            *self._of_exports(ACCOUNT_COSTS, self._exports.of_account),
            ("GET", BLOB_PATH, self._storage.list_or_refuse),
            ("GET", BLOB_PATH + "/(.+)", self._storage.read),
            ("HEAD", BLOB_PATH + "/(.+)", self._storage.read),
        ]

    def _of_exports(self, scope: str, at: Callable[..., list[Export]]) -> list[Route]:
        return [
            ("GET", scope + r"/exports", partial(self._exports.every, at)),
            ("GET", scope + r"/exports/([^/]+)", partial(self._exports.one, at)),
            ("GET", scope + r"/exports/([^/]+)/runhistory", partial(self._exports.history, at)),
        ]

    def close(self) -> None:
        self._reports.close()
        self._exports.close()
        self._workshop.close()

    def _container_of(self, account: str, container: str) -> tuple[Container, Collection[str] | None] | None:
        if (account, container) == (REPORT_ACCOUNT, REPORTS):
            return self._reports, None
        shelf = self._exports.shelf(account) if container == EXPORTS else None
        return (shelf, shelf.readers) if shelf else None
