"""An import that is killed, or fails, between two slices: the trail knows of it, and importing again heals it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEvent, EventOutcome
from audit.verbs import Verb
from audit.verification import verify
from costs.files import CostFiles
from costs.importing import import_costs
from costs.models import CostReceipt, CostRecord, CostSlice
from costs.rows import CostLine, SliceKey
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.costs.cost_files import ea, write
from tests.costs.test_import_costs import run, stored
from tests.processes import start_python

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("everywhere")]
PATIENCE_SECONDS = 60.0
# The command, in a process that is killed when the second slice is about to be stored.
KILLED = """
import os, signal, sys, django
django.setup()
from django.core.management import call_command
from costs import importing

store = importing._Import._store
stored = []

def store_one(self, row, content):
    if stored:
        os.kill(os.getpid(), signal.SIGKILL)
    stored.append(content)
    return store(self, row, content)

importing._Import._store = store_one
call_command("import_costs", sys.argv[1], "--tenant", "contoso")
"""


@pytest.fixture
def two_months(tmp_path: Path) -> Path:
    """A file of two slices."""
    return write(tmp_path / "ea.csv", [ea(), ea(Date="08/31/2026", Cost="2")])


def told() -> list[tuple[str, str, dict[str, Any]]]:
    """What the trail tells of imports, in order: verb, outcome, after."""
    verbs = (Verb.COSTS_IMPORT_BEGUN, Verb.COSTS_IMPORTED)
    events = AuditEvent.objects.filter(verb__in=verbs).order_by("sequence")
    return [(event.verb, event.outcome, json.loads(event.after)) for event in events]


def test_an_import_killed_between_two_slices_is_in_the_trail_and_the_next_one_heals_it(
    contoso: Tenant, two_months: Path
) -> None:
    doomed = start_python("-c", KILLED, str(two_months), DJANGO_SETTINGS_MODULE="governance.settings")
    _, errors = doomed.communicate(timeout=PATIENCE_SECONDS)

    assert doomed.returncode == -9, errors
    assert CostReceipt.objects.count() == CostSlice.objects.count() == 1
    ((verb, outcome, after),) = told()
    assert (verb, outcome) == (Verb.COSTS_IMPORT_BEGUN, EventOutcome.DONE)
    assert (after["files"], after["rows"], after["slices"]) == (["ea.csv"], 2, 2)
    assert run(two_months)[0] == 0
    assert [verb for verb, *_ in told()] == [Verb.COSTS_IMPORT_BEGUN, Verb.COSTS_IMPORT_BEGUN, Verb.COSTS_IMPORTED]
    assert stored(CostRecord, "actual") == {"EUR": Decimal("3.5")}
    verify(contoso.id)  # or it raises


class BrokenOff(CostFiles):
    """Files whose reader stops in the middle of the second slice, as on Ctrl-C."""

    def lines(self, key: SliceKey, *, size: int = 5000) -> Iterator[list[CostLine]]:
        """The first slice whole, and of the next the first row."""
        for batch in super().lines(key, size=size):
            yield batch
            if CostSlice.objects.filter(row_count__gt=0).exists():
                raise KeyboardInterrupt


def test_an_import_that_is_stopped_says_how_far_it_came(contoso: Tenant, two_months: Path) -> None:
    with BrokenOff([two_months]) as files, entered(Scope.of(contoso.id)), pytest.raises(KeyboardInterrupt):
        import_costs(contoso, files, ["ea.csv"], now=timezone.now())

    (begun, _, _), (ended, outcome, after) = told()
    assert (begun, ended, outcome) == (Verb.COSTS_IMPORT_BEGUN, Verb.COSTS_IMPORTED, EventOutcome.FAILED)
    assert after["slices"] == 1
    assert not {"taken", "refused", "totals"} & after.keys()  # nobody can tell
    assert CostRecord.objects.count() == 1
    verify(contoso.id)  # or it raises
