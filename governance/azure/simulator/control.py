"""The control surface under /_simulator/: truth to compare with, faults, day, request log, quota, sign-in.

It asks for no token and is therefore served to loopback addresses only.
"""

from collections import Counter
from datetime import date
from typing import Any

from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.directory import Directory
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.faults import Fault, Faults
from governance.azure.simulator.ledger import CUTS, METRICS
from governance.azure.simulator.quota import Quota
from governance.azure.simulator.request_log import RequestLog
from governance.azure.simulator.world import Tenant, World

PREFIX = "/_simulator/"


class Control:
    def __init__(
        self,
        world: World,
        faults: Faults,
        quota: Quota,
        log: RequestLog,
        directory: Directory,
        cost_settings: CostSettings,
    ) -> None:
        self._world = world
        self._faults = faults
        self._quota = quota
        self._log = log
        self._directory = directory
        self._cost_settings = cost_settings

    def answer(self, request: Request) -> Response:
        topic, _, rest = request.path.removeprefix(PREFIX).partition("/")
        actions = {
            ("GET", "health"): self._health,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._move_clock,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget_requests,
            ("POST", "quota"): self._set_quota,
            ("POST", "keys"): self._rotate_keys,
            ("POST", "redirects"): self._register_redirects,
            ("GET", "people"): self._list_people,
            ("GET", "costs"): self._costs,
            ("POST", "costs"): self._change_costs,
        }
        if (request.method, topic) == ("GET", "truth"):
            return json_response(self._truth(rest) if rest else self._tenants())
        action = actions.get((request.method, topic))
        if action is None or rest:
            raise Refusal(404, "NotFound", f"Nothing answers {request.method} {request.shown_path}.")
        return json_response(action(request))

    def _health(self, _request: Request) -> Any:
        return {"status": "ok", "day": self._world.day, "date": self._world.today}

    def _tenants(self) -> Any:
        calendar = {"day": self._world.day, "date": self._world.today}
        return {**calendar, "tenants": [self._summary(tenant) for tenant in self._world.tenants]}

    def _summary(self, tenant: Tenant) -> Any:
        truth = self._world.truth(tenant.name)
        return {
            "name": tenant.name,
            "tenantId": tenant.tenant_id,
            "clientId": tenant.client_id,
            "subscriptionIds": tenant.subscription_ids,
            "day": truth.day,
            "date": truth.date,
            "counts": {
                "subscriptions": len(truth.subscriptions),
                "resourceGroups": len(truth.resource_groups),
                "resources": len(truth.resources),
                "orphans": sum(row.orphan_reason is not None for row in truth.resources),
            },
        }

    def _truth(self, name: str) -> Any:
        try:
            return self._world.truth(name)
        except KeyError as error:
            raise Refusal(404, "NotFound", f"There is no tenant '{name}' in this world.") from error

    def _costs(self, request: Request) -> Any:
        """Exact costs of ``tenant`` in ``month`` (YYYY-MM); by ``subscription``, ``metric`` and ``by`` (comma-separated
        words of ``ledger.CUTS``), if said."""
        query = request.query
        options: dict[str, Any] = {"by": [word for word in query["by"].split(",") if word]} if "by" in query else {}
        try:
            return self._world.costs.truth(
                query["tenant"],
                _month(query["month"]),
                metric=METRICS[METRICS.index(query["metric"])] if "metric" in query else None,
                subscription_id=query["subscription"].lower() if "subscription" in query else None,
                **options,
            )
        except (KeyError, ValueError) as error:
            message = f"Say tenant, month=YYYY-MM, and by of {', '.join(CUTS)}, tag:NAME: {error}"
            raise Refusal(400, "InvalidCosts", message) from error

    def _change_costs(self, request: Request) -> Any:
        """``{"restate_to_zero": {"subscription": ID, "month": "YYYY-MM", "keeps_rows": true}}``; null: none is.

        Beside it, or alone, what ``CostSettings`` has: ``{"page_rows": 10}``.
        """
        body = request.json()
        try:
            if "restate_to_zero" in body:
                self._restate_to_zero(body.pop("restate_to_zero"))
            return {"settings": self._cost_settings.change(body)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refusal(400, "InvalidCosts", f"Say subscription and month, or a setting: {error}") from error

    def _restate_to_zero(self, wanted: Any) -> None:
        costs = self._world.costs
        if wanted is None:
            costs.restore()
            return
        keeps_rows = bool(wanted.get("keeps_rows", True))
        costs.restate_to_zero(wanted["subscription"], _month(wanted["month"]), keeps_rows=keeps_rows)

    def _list_faults(self, _request: Request) -> Any:
        return {"faults": self._faults.report()}

    def _add_faults(self, request: Request) -> Any:
        """One fault, or several under ``faults``."""
        body = request.json()
        for fields in body.get("faults", [body]):
            try:
                self._faults.add(Fault(**fields))
            except (TypeError, ValueError) as error:
                raise Refusal(400, "InvalidFault", str(error)) from error
        return self._list_faults(request)

    def _clear_faults(self, request: Request) -> Any:
        self._faults.clear()
        return self._list_faults(request)

    def _move_clock(self, request: Request) -> Any:
        """``{"advance_days": n}`` from today, or ``{"day": n}``."""
        body = request.json()
        days = body.get("day", body.get("advance_days"))
        if isinstance(days, bool) or not isinstance(days, int):
            raise Refusal(400, "InvalidClock", "Say advance_days or day, a whole number.")
        try:
            self._world.set_day(days if "day" in body else self._world.day + days)
        except ValueError as error:
            raise Refusal(400, "InvalidClock", str(error)) from error
        return self._health(request)

    def _requests(self, _request: Request) -> Any:
        seen = self._log.all()
        counts = Counter(f"{method} {path}" for method, path in seen)
        rows = [{"method": method, "path": path} for method, path in seen]
        return {"total": len(seen), "counts": dict(counts.most_common()), "requests": rows}

    def _forget_requests(self, request: Request) -> Any:
        self._log.clear()
        return self._requests(request)

    def _set_quota(self, request: Request) -> Any:
        self._quota.enforce(is_enforced=bool(request.json().get("enforce")))
        return {"enforce": self._quota.is_enforced}

    def _rotate_keys(self, request: Request) -> Any:
        """Sign tokens of people with a new key; ``{"keep_old": false}`` withdraws those published before."""
        keys = self._directory.keys
        current = keys.rotate(keep_old=bool(request.json().get("keep_old", True)))
        return {"current": current, "published": [key["kid"] for key in keys.key_set()["keys"]]}

    def _register_redirects(self, request: Request) -> Any:
        """``{"uris": [...]}``: more addresses that sign-in and sign-out may redirect to."""
        uris = request.json().get("uris")
        if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
            raise Refusal(400, "InvalidRedirects", "Say uris, a list of addresses.")
        self._directory.register(*uris)
        return {"uris": sorted(self._directory.redirect_uris)}

    def _list_people(self, request: Request) -> Any:
        """Who can sign in with the B2C directory, with the issuer and subject that an application knows them by."""
        directory = self._directory
        authority = directory.user_flow()
        issuer = directory.issuer(request.origin, authority)
        return {
            "people": [
                {"email": person.email, "issuer": issuer, "subject": directory.object_id(person.email)}
                for person in directory.people_of(authority)
            ]
        }


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")
