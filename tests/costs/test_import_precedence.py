"""What an import may replace: not what a better source, or a later file, told; each metric for itself."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from audit.models import AuditEvent
from audit.verbs import Verb
from costs.models import CostReceipt, CostSlice, DailyCost, Source
from tenants.models import Tenant
from tests.costs.cost_files import FOCUS_HEADER, ea, focus, write
from tests.costs.test_import_costs import run, run_json, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everywhere")]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize("earlier", ["2026-09-20", "2026-10-10"])
def test_an_older_export_does_not_replace_a_newer_one(
    contoso: Tenant, tmp_path: Path, earlier: str, dry: list[str]
) -> None:
    run(write(tmp_path / "new.csv", [ea(Cost="9")]), "--exported-on", "2026-10-11")
    old = write(tmp_path / "old.csv", [ea(Cost="4")])

    status, told = run_json(old, "--exported-on", earlier, *dry)

    assert (status, told["taken"], told["refused"], told["totals"]) == (1, 0, 1, {})
    assert [row["verdict"] for row in told["slices"]] == ["kept"]
    assert "is held as of 2026-10-11, later than these files. Say --replace" in told["refusals"][0]["reason"]
    assert stored(DailyCost, "actual") == {"EUR": Decimal(9)}
    assert CostReceipt.objects.count() == 1


def test_an_older_export_replaces_when_it_is_said(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "new.csv", [ea(Cost="9")]), "--exported-on", "2026-10-11")

    status, _ = run_json(write(tmp_path / "old.csv", [ea(Cost="4")]), "--exported-on", "2026-09-20", "--replace")

    assert status == 0
    assert stored(DailyCost, "actual") == {"EUR": Decimal(4)}
    assert CostSlice.objects.get().read_at == datetime(2026, 9, 20, tzinfo=UTC)


@pytest.mark.parametrize(("exported_on", "is_kept"), [("2026-09-20", True), ("2026-10-06", False)])
def test_a_later_query_stays_before_files_of_a_month_that_was_open(
    contoso: Tenant, tmp_path: Path, exported_on: str, *, is_kept: bool
) -> None:
    run(write(tmp_path / "1.csv", [ea()]))
    CostSlice.objects.update(source=Source.QUERY, has_resources=False)

    _, told = run_json(write(tmp_path / "2.csv", [ea(Cost="7")]), "--exported-on", exported_on)

    assert [row["verdict"] for row in told["slices"]] == ["kept" if is_kept else "stored"]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_of_focus_the_metric_that_nothing_better_tells_is_taken(
    contoso: Tenant, tmp_path: Path, dry: list[str]
) -> None:
    run(write(tmp_path / "actual.csv", [ea(Cost="3")]))
    CostSlice.objects.update(source=Source.EXPORT)  # as a sync stores it
    path = write(tmp_path / "focus.csv", [focus(), focus(BilledCost="2.5")], FOCUS_HEADER)

    status, told = run_json(path, *dry)

    assert (status, told["rows"], told["taken"], told["refused"], told["refusals"]) == (3, 2, 2, 0, [])
    assert told["totals"] == {"EUR": {"amortized": "2.5", "effective": "2.5"}}
    assert [note for note in told["notes"] if "(actual) was read from a better source: cost export" in note]
    assert {row["metric"]: row["verdict"] for row in told["slices"]} == {
        "actual": "kept",
        "amortized": "would be stored" if dry else "stored",
    }
    assert stored(DailyCost, "actual") == {"EUR": Decimal(3)}
    assert stored(DailyCost, "amortized") == ({} if dry else {"EUR": Decimal("2.5")})


def test_of_focus_no_row_is_taken_when_neither_metric_is(contoso: Tenant, tmp_path: Path) -> None:
    path = write(tmp_path / "focus.csv", [focus(), focus(BilledCost="2.5")], FOCUS_HEADER)
    run(path)
    CostSlice.objects.update(source=Source.REPORT)
    changed = write(tmp_path / "2.csv", [focus(BilledCost="9")], FOCUS_HEADER)

    status, told = run_json(changed)

    assert (status, told["taken"], told["refused"], told["totals"]) == (1, 0, 1, {})
    (row,) = told["refusals"]
    assert "(actual)" in row["reason"]
    assert "(amortized)" in row["reason"]


def test_words_tell_of_focus_what_was_taken_of_each_metric(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "actual.csv", [ea(Cost="3")]))
    CostSlice.objects.update(source=Source.EXPORT)

    status, words = run(write(tmp_path / "focus.csv", [focus()], FOCUS_HEADER))

    assert status == 3
    assert "amortized: " in words
    assert "actual: " not in words
    assert "1 row(s), kept" in words


def test_the_event_of_an_import_tells_only_what_was_taken(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "new.csv", [ea(Cost="9")]), "--exported-on", "2026-10-11")

    run(write(tmp_path / "old.csv", [ea(Cost="4")]), "--exported-on", "2026-10-10")

    event = AuditEvent.objects.filter(verb=Verb.COSTS_IMPORTED).order_by("-sequence")[0]
    after = json.loads(event.after)
    assert (event.outcome, after["taken"], after["refused"], after["totals"]) == ("failed", 0, 1, {})
