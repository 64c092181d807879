"""The monthly cost report of a tenant, a group, or all that a person may see: its figures, and which state they are of.

Built from the same sums as the pages. What state of which slice it showed is attached, and kept with the file, so that
what moved since can be asked later.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from audit.models import ReportFile
from costs.finality import last_day
from costs.lists import CostFilterSet, FiguresFilter, MonthFilter, display_currency_of
from costs.models import CostSlice, Metric
from costs.questions import Question
from costs.spans import Span, months_before
from governance.exports import Value, write_csv
from governance.pdf import PRINTED_ROWS, Attached
from governance.portal.cost_sections import SECTIONS, Figures, Ground
from governance.portal.report_parts import Section
from governance.portal.reports import ReportFilter, scope_of
from tenants.freshness import Coverage, coverage
from tenants.lists import tenants_asked_for
from tenants.models import Tenant

COSTS = "costs"  # the key of this report
EARLIER_REPORTS = 100  # the newest that are looked through for the one before
ATTEMPTS = 3  # at one state
LOOKED_BACK_DAYS = 30  # where there is none before
SLICE_TITLES = (
    *("tenant", "subscription", "subscription_id", "month", "metric", "finality", "source", "read_at", "through"),
    *("rows", "content_sha256", "receipt"),
)


class CostReportFilter(ReportFilter):
    """A cost report is about one month, the last one if none is given, in one metric; in another currency too."""

    month = MonthFilter(method="keep", label="Month")
    metric = CostFilterSet.base_filters["metric"]
    display_currency = FiguresFilter.base_filters["display_currency"]


@dataclass(frozen=True, slots=True)
class CostReport:
    """What the template prints. `state` is kept with the file: which slices it showed, as they were at `made_at`."""

    scope: str
    tenants: tuple[str, ...]
    made_at: datetime
    made_for: str
    coverage: Coverage
    month: date
    metric: str
    figures: Figures
    sections: tuple[Section, ...]
    attachments: tuple[Attached, ...]
    state: dict[str, Any]

    @property
    def title(self) -> str:
        """The title of the document."""
        return f"Cost report of {self.scope}, {self.month:%B %Y}"

    @property
    def rows(self) -> int:
        """How many slices it stands on."""
        return self.figures.total.standing.slices_read


def title_of(asked: CostReportFilter) -> str:
    """What a report is called in the list of files."""
    return f"Cost report of {scope_of(asked)}, {month_of(asked):%B %Y}"


def month_of(asked: CostReportFilter) -> date:
    """The month asked for: the last one that is over if none is."""
    today = timezone.now().astimezone(UTC).date()
    return asked.form.cleaned_data["month"] or months_before(today.replace(day=1), 1)


def build(asked: CostReportFilter, *, query: str, made_for: str, owner_id: UUID) -> CostReport:
    """The whole report, within the current scope. Its statements do not grow with what was spent.

    All of it is of one state: it is begun again when a slice was stored meanwhile, as often as is reasonable.
    """
    for _ in range(ATTEMPTS):
        version = Tenant.objects.all().version()
        report = _built(asked, query=query, made_for=made_for, owner_id=owner_id)
        if Tenant.objects.all().version() == version:
            break
    return report


def _built(asked: CostReportFilter, *, query: str, made_for: str, owner_id: UUID) -> CostReport:
    now, tenants = timezone.now(), tenants_asked_for(asked)
    month, metric = month_of(asked), str(asked.form.cleaned_data["metric"] or Metric.ACTUAL)
    today = now.astimezone(UTC).date()
    span = Span(month, max(month, min(last_day(month), today)))
    question = Question(metric, span.first, span.last, tenants)
    found = coverage(COSTS, now=now, tenants=tenants)
    slices = list(_slices(question))
    before = _report_before(query, owner_id)
    ground = Ground(
        made_at=now,
        today=today,
        question=question,
        figures=Figures.of(question, currency=display_currency_of(asked), today=today),
        since=moment_of(before) if before else now - timedelta(days=LOOKED_BACK_DAYS),
        before=before,
        state=state_of(slices, question, now),
        rows_left=PRINTED_ROWS,
    )
    ground.attachments.append(_attached(slices))
    sections = tuple(section for make in SECTIONS for section in make(ground))
    return CostReport(
        scope=scope_of(asked),
        tenants=tuple(row.tenant for row in found.tenants),
        made_at=now,
        made_for=made_for,
        coverage=found,
        month=month,
        metric=metric,
        figures=ground.figures,
        sections=sections,
        attachments=tuple(ground.attachments),
        state=ground.state,
    )


# --- which state it showed ---


def _slices(question: Question) -> Iterator[tuple[Value, ...]]:
    """The slices of the month, in order. One query."""
    rows = CostSlice.objects.of_metric(question.metric).for_tenants(question.tenants)
    rows = rows.filter(month=question.first).select_related("tenant", "subscription")
    for row in rows.order_by("tenant__name", "subscription__name", "subscription__subscription_id"):
        whose = (row.tenant.name, row.subscription.name, row.subscription.subscription_id)
        what = (row.month, row.metric, row.finality, row.source, row.read_at, row.through, row.row_count)
        yield (*whose, *what, row.content_hash, str(row.receipt_id))


def state_of(slices: Sequence[tuple[Value, ...]], question: Question, at: datetime) -> dict[str, Any]:
    """The state of costs that a report shows: the moment, and a digest over whose slices with which content it is."""
    lines = sorted(f"{row[2]} {row[3]} {row[4]} {row[10]}" for row in slices)
    return {
        "at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "metric": question.metric,
        "month": f"{question.first:%Y-%m}",
        "slices": len(lines),
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


def _attached(slices: Sequence[tuple[Value, ...]]) -> Attached:
    out = io.BytesIO()
    write_csv(out, SLICE_TITLES, [slices])
    return Attached("slices.csv", f"The state these figures are of: {len(slices):,} slices", out.getvalue())


def moment_of(row: ReportFile) -> datetime:
    """The moment whose state a cost report shows."""
    told = (row.coverage or {}).get(COSTS, {}).get("at")
    return datetime.fromisoformat(told) if told else row.started_at or row.created_at


def moved_since_address(row: ReportFile) -> str:
    """Where it is told what moved since this cost report; "" for other files."""
    told = (row.coverage or {}).get(COSTS)
    if row.subject != COSTS or not told:
        return ""
    asked = QueryDict(row.query)
    kept = {name: asked[name] for name in ("tenant", "group") if asked.get(name)}
    return f"{reverse('costs:moved')}?{urlencode({**kept, 'since': told['at'], 'metric': told['metric']})}"


def _report_before(query: str, owner_id: UUID) -> ReportFile | None:
    """The newest cost report on the same tenants in the same metric that this person may see."""
    wanted = _about(query)
    rows = ReportFile.objects.visible_to(owner_id).filter(subject=COSTS, status=ReportFile.Status.DONE)
    newest = rows.order_by("-finished_at", "-id")[:EARLIER_REPORTS]
    return next((row for row in newest if _about(row.query) == wanted), None)


def _about(query: str) -> tuple[str | None, ...]:
    asked = QueryDict(query)
    return asked.get("tenant"), asked.get("group"), asked.get("metric") or Metric.ACTUAL
