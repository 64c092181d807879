"""The list of runs: its filters and sorts, once for page and API."""

import django_filters

from audit.models import Outcome, SyncRun
from governance.filters import StrictFilterSet
from governance.schedules import KINDS
from tenants.lists import TenantFilter, sort_filter

SYNC_SORTS = {"started_at": "started_at"}


class SyncListFilter(StrictFilterSet):
    """Filters of the list of runs."""

    tenant = TenantFilter(label="Tenant")
    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS], label="Kind")
    outcome = django_filters.ChoiceFilter(choices=Outcome.choices, label="Outcome")
    sort = sort_filter(SYNC_SORTS)

    class Meta:
        model = SyncRun
        fields: list[str] = []
