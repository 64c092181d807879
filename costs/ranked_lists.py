"""What may be asked of what is told by rank: what moved most, and what wastes most."""

from typing import Any

import django_filters
from django.conf import settings
from django.db.models import Min, QuerySet
from django.utils import timezone

from costs.lists import MOST_ROWS, CostFilterSet, CutFilter, TopFilter
from costs.models import Metric
from costs.questions import Narrowing, Question
from costs.spans import months_before
from costs.waste import lasting_orphans
from inventory.hygiene_lists import SubjectFilterSet
from inventory.lists import folded
from inventory.models import Orphan
from inventory.orphans import RULE_OF_KEY
from tenants.lists import tenants_asked_for


class MoversFilter(CutFilter):
    """What can be asked of what rose and fell most."""

    display_currency: Any = None  # two times have two sets of rates


class WasteFilter(SubjectFilterSet):
    """What can be asked of what is wasted: of orphans that last."""

    metric = CostFilterSet.base_filters["metric"]
    rule = django_filters.ChoiceFilter(choices=[(rule.key, rule.title) for rule in RULE_OF_KEY.values()], label="Rule")
    top = TopFilter(method="keep", label="Rows of each currency", min_value=1, max_value=MOST_ROWS, decimal_places=0)

    class Meta:
        model = Orphan
        fields: list[str] = []

    @property
    def orphans(self) -> QuerySet[Any]:
        """The orphans asked for."""
        return lasting_orphans(tenants_asked_for(self), self.qs)

    def question(self) -> Question:
        """The costs they are judged by: since the oldest began, as far back as costs are kept. One query.

        Only sources that name resources can tell, whichever those are.
        """
        asked, today = self.form.cleaned_data, timezone.now().date()
        oldest = self.orphans.aggregate(since=Min("since"))["since"]
        kept = months_before(today.replace(day=1), settings.COST_SUMS_KEPT_MONTHS)
        subscription = folded(asked["subscription"]) if asked.get("subscription") else None
        return Question(
            metric=asked.get("metric") or Metric.ACTUAL,
            first=min(today, max(kept, oldest.date())) if oldest else today,
            last=today,
            tenants=tenants_asked_for(self),
            narrowed=Narrowing(subscription=subscription, resource=""),
        )
