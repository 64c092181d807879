"""The worker fleet for real: beat's table, the broker, a worker process, and a sync at the end of it."""

import hashlib
import time
from collections.abc import Callable

import pytest
from celery import current_app
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask
from redis import Redis

from audit.files import every_file
from audit.models import ReportFile, SyncRun
from governance import storage
from governance.azure.simulator.server import Simulator
from governance.beat import TableScheduler
from governance.celery import app
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.dispatch import enqueue_due
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.inventory.truth import assert_equal_to_truth
from tests.processes import start_python

PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queue(settings) -> None:  # type: ignore[no-untyped-def]
    Redis.from_url(settings.CELERY_BROKER_URL).flushdb()


def test_the_web_enqueues_where_the_worker_listens() -> None:
    assert current_app.conf.broker_url == app.conf.broker_url


def test_every_scheduled_task_exists() -> None:
    from governance.schedules import SYNCS, beat_schedule

    app.loader.import_default_modules()
    wanted = {entry["task"] for entry in beat_schedule().values()} | {sync.task for sync in SYNCS}
    assert wanted <= set(app.tasks)


def test_beat_writes_the_table_into_its_database_and_removes_what_left_it() -> None:
    from django_celery_beat.models import IntervalSchedule

    hourly = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="long-gone", task="nowhere", interval=hourly)

    TableScheduler(app=app).setup_schedule()

    tasks = dict(PeriodicTask.objects.exclude(name="celery.backend_cleanup").values_list("name", "task"))
    assert tasks == {
        "fan-out-resources": "tenants.tasks.fan_out",
        "fan-out-costs": "tenants.tasks.fan_out",
        "tend-files": "audit.tasks.tend_files",
        "anchor-audit": "audit.tasks.anchor_chains",
        "tidy-sign-ins": "tenants.tasks.tidy_sign_ins",
        "tend-letters": "tenants.tasks.tend_letters",
    }


def test_a_worker_syncs_what_the_fan_out_enqueued(azure: Simulator, contoso: Tenant, fabrikam: Tenant) -> None:
    assert {tenant.name for tenant in enqueue_due("resources")} == {"contoso", "fabrikam"}

    worker = start_python("-m", "celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING")
    try:
        _until_finished(2)
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)

    assert_equal_to_truth(azure, contoso)
    assert_equal_to_truth(azure, fabrikam)


def test_the_fan_out_leaves_those_alone_who_are_not_due(azure: Simulator, contoso: Tenant) -> None:
    call_command("sync", "resources", "--tenant", "contoso", "--json")

    with entered(Scope.of(contoso.id)):
        started_at = SyncRun.objects.get().started_at
    assert enqueue_due("resources", now=started_at) == []


def test_a_worker_that_is_killed_in_the_middle_gives_the_export_back(contoso: Tenant, bob: User) -> None:
    """It is killed while it makes the file; another worker makes it whole, and there is one file of it."""
    sync(contoso)
    file = exported_by(bob)
    before = len(wanted_rows(contoso))
    slow = start_python(
        "-c",
        "import os, signal, django; django.setup()\n"
        "from audit.files import FileInTheMaking, take_up\n"
        "from governance.portal import making\n"
        "FileInTheMaking.conclude = lambda self, *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"making.make(take_up('{file.id}'))",
        DJANGO_SETTINGS_MODULE="governance.settings",
    )
    slow.communicate(timeout=PATIENCE_SECONDS)
    killed = every_file().get()

    worker = start_python("-m", "celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING")
    try:
        _until(lambda: every_file().get().status == "done")
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)

    made = every_file().get()
    assert (slow.returncode, killed.status, killed.attempt) == (-9, "running", 1)
    assert (made.attempt, made.rows) == (2, before)
    with storage.container("exports").open(made.blob) as content:
        data = content.read()
    assert data.count(b"\r\n") == before + 1
    assert hashlib.sha256(data).hexdigest() == made.sha256


def test_a_worker_makes_the_report_that_was_asked_for(contoso: Tenant, bob: User) -> None:
    sync(contoso)
    asked = signed_in(bob).post("/api/v1/reports/", {"tenant": "contoso"}, content_type="application/json")
    assert asked.status_code == 202

    worker = start_python("-m", "celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING")
    try:
        _until(lambda: not every_file().get().is_waiting)
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)

    made = every_file().get()
    assert (made.status, made.rows, made.attempt) == ("done", len(wanted_rows(contoso)), 1), made.reason
    with storage.container("reports").open(made.blob) as content:
        assert content.read(5) == b"%PDF-"


def exported_by(person: User) -> ReportFile:
    """An export that this person asked the worker for, through the API."""
    asked = {"list": "resources", "format": "csv"}
    answer = signed_in(person).post("/api/v1/exports/", asked, content_type="application/json")
    row: ReportFile = every_file().get(id=answer.json()["id"])
    return row


def wanted_rows(tenant: Tenant) -> list[str]:
    """The names that an export of a tenant's resources holds."""
    with entered(Scope.of(tenant.id)):
        return list(Resource.objects.live().values_list("name", flat=True))


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "the worker did not finish"
        time.sleep(0.1)


def _until_finished(runs: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with entered(Scope.every_tenant(reason="A test waits for the worker.")):
        while SyncRun.objects.finished().count() < runs:
            assert time.monotonic() < deadline, "the worker did not finish"
            time.sleep(0.1)
