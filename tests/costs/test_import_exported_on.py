"""When a file was exported: said, or not known; and what the report says where a month may not be whole."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.utils import timezone

from audit.models import AuditEvent
from audit.verbs import Verb
from costs.models import CostReceipt, CostRecord, CostSlice, Restatement
from costs.questions import Question
from costs.standing import State, standing_of
from tenants.models import Tenant
from tests.costs.cost_files import ea, write
from tests.costs.test_import_costs import run, run_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everywhere")]
NOT_KNOWN = "When the files were exported is not known"


@pytest.fixture
def september(tmp_path: Path) -> Path:
    """A file whose newest day is 18 September 2026."""
    return write(tmp_path / "ea.csv", [ea(), ea(Date="09/18/2026")])


@pytest.mark.parametrize(
    ("exported_on", "finality"),
    [
        ("2026-09-18", "estimate"),
        ("2026-09-30", "estimate"),
        ("2026-10-05", "closing"),
        ("2026-10-06", "final"),
    ],
)
def test_the_day_of_the_export_judges_how_final_a_month_is(
    contoso: Tenant, september: Path, exported_on: str, finality: str
) -> None:
    status, told = run_json(september, "--exported-on", exported_on)

    assert (status, told["exported_on"]) == (0, exported_on)
    row = CostSlice.objects.get()
    assert row.finality == finality
    assert row.read_at == datetime.fromisoformat(exported_on).replace(tzinfo=UTC)
    assert CostReceipt.objects.get().at > row.read_at
    assert NOT_KNOWN not in str(told["notes"])
    event = AuditEvent.objects.get(verb=Verb.COSTS_IMPORTED)
    assert json.loads(event.after)["exported_on"] == exported_on


@pytest.mark.parametrize(("exported_on", "state"), [("2026-09-20", State.UNFINISHED), ("2026-10-10", State.COMPLETE)])
def test_a_month_exported_early_is_not_shown_as_whole_because_it_is_imported_late(
    contoso: Tenant, september: Path, exported_on: str, state: State
) -> None:
    run(september, "--exported-on", exported_on)

    question = Question("actual", date(2026, 9, 1), date(2026, 9, 30), tenants=frozenset({contoso.id}))
    assert standing_of(question, today=date(2026, 11, 25)).state == state


def test_the_same_files_again_with_their_day_are_judged_anew(contoso: Tenant, september: Path) -> None:
    run(september)
    assert CostSlice.objects.get().finality == "final"

    _, told = run_json(september, "--exported-on", "2026-09-20")

    assert [row["verdict"] for row in told["slices"]] == ["unchanged"]
    assert CostSlice.objects.get().finality == "estimate"


def test_cached_answers_are_void_when_only_the_day_of_the_export_is_another(contoso: Tenant, september: Path) -> None:
    run(september, "--exported-on", "2026-09-20")
    before = Tenant.objects.get().data_version

    run(september, "--exported-on", "2026-09-25")

    assert CostSlice.objects.get().read_at.date() == date(2026, 9, 25)
    assert Tenant.objects.get().data_version == before + 1


def test_what_moved_is_dated_by_the_import_and_not_by_the_export(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "1.csv", [ea()]), "--exported-on", "2026-10-10")

    run(write(tmp_path / "2.csv", [ea(Cost="7")]), "--exported-on", "2026-10-11")

    assert timezone.now() - Restatement.objects.get().at < timedelta(minutes=10)


def test_without_it_today_judges_and_the_report_says_so(contoso: Tenant, september: Path) -> None:
    _, told = run_json(september)

    assert told["exported_on"] is None
    assert CostSlice.objects.get().finality == "final"
    (note,) = [note for note in told["notes"] if NOT_KNOWN in note]
    assert "--exported-on" in note
    assert f"{timezone.now().date()}" in note


def test_of_the_open_month_nothing_has_to_be_known(contoso: Tenant, tmp_path: Path) -> None:
    today = timezone.now().date()

    _, told = run_json(write(tmp_path / "ea.csv", [ea(Date=f"{today:%m/%d/%Y}")]))

    assert NOT_KNOWN not in str(told["notes"])
    assert "is over" not in str(told["notes"])


@pytest.mark.parametrize(
    ("newest", "arguments", "is_noted"),
    [
        ("09/18/2026", [], True),
        ("09/18/2026", ["--exported-on", "2026-10-01"], True),
        ("09/18/2026", ["--exported-on", "2026-09-30"], False),  # it was not over then
        ("09/30/2026", [], False),
    ],
)
def test_a_month_that_is_over_and_not_told_to_its_end_is_noted(
    contoso: Tenant, tmp_path: Path, newest: str, arguments: list[str], *, is_noted: bool
) -> None:
    path = write(tmp_path / "ea.csv", [ea(), ea(Date=newest), ea(Date="08/31/2026")])

    _, words = run(path, *arguments)

    assert ("2026-09 is over, and the files tell of no day of it after 2026-09-18." in words) is is_noted
    assert "2026-08 is over" not in words


def test_no_file_tells_of_a_day_after_its_export(contoso: Tenant, september: Path) -> None:
    with pytest.raises(CommandError, match="tell of 2026-09-18, and are said to have been exported on 2026-09-17"):
        run(september, "--exported-on", "2026-09-17")

    assert not CostRecord.objects.exists()
    assert not AuditEvent.objects.filter(verb=Verb.COSTS_IMPORT_BEGUN).exists()


def test_an_export_of_tomorrow_is_refused(contoso: Tenant, september: Path) -> None:
    tomorrow = timezone.now().date() + timedelta(days=1)

    with pytest.raises(CommandError, match="is in the future"):
        run(september, "--exported-on", tomorrow)


def test_what_is_no_day_is_refused(contoso: Tenant, september: Path) -> None:
    with pytest.raises(CommandError, match="'20 September' is not a day like 2026-09-30"):
        run(september, "--exported-on", "20 September")
