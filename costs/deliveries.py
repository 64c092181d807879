"""The exports that stand at one scope: which delivery of a month is to be believed, and its files."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath

from costs.months import last_of
from governance.azure.blobs import ExportContainer
from governance.azure.cost_calls import COST_REMEDY, CostCalls
from governance.azure.cost_exports import DATA_SETS, FOCUS, CostExport, ExportRun, list_exports, runs_of
from governance.azure.errors import AzureError, SignInFailedError, ThrottledError

FRESH = timedelta(hours=48)  # a daily export that is older has stopped, or failed
LAST_CHARGES_DAY = 5  # of the next month: a delivery made before it may lack late charges


@dataclass(slots=True)
class Deliveries:
    """The newest delivery of each of these months, asked for once. `at` names the scope in words, if that is wanted."""

    calls: CostCalls
    scope: str
    months: Collection[date]
    at: str = ""
    remedy: str = COST_REMEDY
    runs: dict[tuple[str, date], ExportRun] | None = None  # by data set and month
    failure: str = ""
    lack: str = field(init=False)

    def __post_init__(self) -> None:
        self.lack = f"No cost export{self.at} is set up."

    def newest(self, metric: str, month: date) -> ExportRun | None:
        """The newest delivery of an export that has this metric: of the metric alone before one of both."""
        if self.runs is None:
            self.runs = self._newest_runs()
        sets = sorted(
            (name for name, metrics in DATA_SETS.items() if metric in metrics), key=lambda name: name == FOCUS
        )
        return next((self.runs[name, month] for name in sets if (name, month) in self.runs), None)

    def has_recent(self, metric: str, month: date, *, now: datetime) -> bool:
        """Whether there is a delivery that is to be believed."""
        run = self.newest(metric, month)
        return run is not None and is_recent(run, now=now)

    def _newest_runs(self) -> dict[tuple[str, date], ExportRun]:
        runs: dict[tuple[str, date], ExportRun] = {}
        try:
            for export in list_exports(self.calls, self.scope, remedy=self.remedy):
                self.lack = f"No cost export{self.at} has delivered this month."
                for month, run in runs_of(_container(self.calls, export), export, self.months).items():
                    known = runs.get((export.data_set, month))
                    if known is None or run.submitted_at > known.submitted_at:
                        runs[export.data_set, month] = run
        except (ThrottledError, SignInFailedError):
            raise
        except AzureError as error:
            self.failure = f"Cost exports{self.at} could not be read: {error}"
        return runs


def is_recent(run: ExportRun, *, now: datetime) -> bool:
    """A delivery of the open month is at most two days old; one of another month has its late charges."""
    age = now - run.submitted_at
    late = last_of(run.month) + timedelta(days=LAST_CHARGES_DAY)
    return age <= FRESH or (run.submitted_at.date() >= late and last_of(run.month) < now.date())


def fetched(calls: CostCalls, run: ExportRun, folder: Path) -> list[Path]:
    """Every file of a delivery, downloaded into this folder."""
    container, paths = _container(calls, run.export), list[Path]()
    for number, file in enumerate(run.files):
        paths.append(folder / f"{run.export.data_set}-{number}{suffix_of(file.name)}")
        container.download(file.name, paths[-1], expected_bytes=file.bytes)
    return paths


def suffix_of(name: str) -> str:
    """`.csv`, `.csv.gz`, `.parquet` …, by which a file is told apart."""
    return "".join(PurePosixPath(name).suffixes[-2:]).lower() if name.lower().endswith(".gz") else _last_suffix(name)


def _last_suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _container(calls: CostCalls, export: CostExport) -> ExportContainer:
    return ExportContainer(calls.azure, export.account, export.container)
