"""Who acts: a person, a worker for a person, a command; and never a person that nobody named."""

import pytest
from django.core.management import call_command

from audit.trail import PLATFORM
from audit.verbs import Verb
from governance.azure.simulator.server import Simulator
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.dispatch import enqueue_due
from tenants.models import Tenant, User
from tests.audit.trails import events
from tests.conftest import signed_in
from tests.processes import start_command, start_python
from tests.worker.test_fleet import PATIENCE_SECONDS, _until, _until_finished


def actors(tenant: Tenant, verb: Verb) -> list[tuple[str, str]]:
    """The kind and label of who did this in a tenant."""
    return [(event.actor_kind, event.actor_label) for event in events(tenant.id) if event.verb == verb]


def work_until_finished(runs: int) -> None:
    """A real worker does what is queued."""
    worker = start_python("-m", "celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING")
    try:
        _until_finished(runs)
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)


@pytest.mark.django_db(transaction=True)
def test_a_worker_acts_as_itself_for_the_person_who_asked(contoso: Tenant, olga: User, broker: object) -> None:
    signed_in(olga).post("/syncs/run/", {"tenant": str(contoso.id), "kind": "resources"})

    work_until_finished(1)

    [asked] = [event for event in events(contoso.id) if event.verb == Verb.RUN_ASKED_FOR]
    [finished] = [event for event in events(contoso.id) if event.verb == Verb.RUN_FINISHED]
    assert (asked.actor_kind, asked.actor_label) == ("person", "olga@contoso.example")
    assert finished.actor_kind == "worker"
    assert finished.actor_label == "inventory.tasks.sync_resources, asked for by olga@contoso.example"
    assert finished.request_id == asked.request_id != ""
    assert finished.record()["after"]["outcome"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_worker_of_the_schedule_acts_for_nobody(contoso: Tenant, broker: object) -> None:
    enqueue_due("resources")

    work_until_finished(1)

    assert actors(contoso, Verb.RUN_FINISHED) == [("worker", "inventory.tasks.sync_resources")]
    assert actors(contoso, Verb.RUN_ASKED_FOR) == []


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_a_file_for_the_person_who_asked(contoso: Tenant, bob: User, broker: object) -> None:
    asked = {"list": "resources", "format": "csv"}
    signed_in(bob).post("/api/v1/exports/", asked, content_type="application/json")
    worker = start_python("-m", "celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING")
    try:
        _until(lambda: bool(actors(contoso, Verb.FILE_MADE)))
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_SECONDS)

    assert actors(contoso, Verb.FILE_ASKED_FOR) == [("person", "bob@contoso.example")]
    assert actors(contoso, Verb.FILE_MADE) == [
        ("worker", "governance.portal.tasks.make_file, asked for by bob@contoso.example")
    ]


def test_a_command_acts_in_its_own_name(contoso: Tenant, azure: Simulator) -> None:
    call_command("preflight", "contoso")
    call_command("sync", "resources", "--tenant", "contoso")
    call_command(
        *("connect_tenant", "northwind", "--azure-tenant-id", str(new_id())),
        *("--client-id", str(new_id()), "--secret-ref", "env:NORTHWIND"),
    )

    [(kind, label)] = actors(contoso, Verb.PREFLIGHT_DONE)
    assert (kind, label.split(",")[0]) == ("command", "manage.py preflight")
    assert actors(contoso, Verb.RUN_FINISHED)[0][1].startswith("manage.py sync, run by ")
    with entered(Scope.every_tenant(reason="A test looks for the new tenant.")):
        northwind = Tenant.objects.get(name="northwind")
    assert actors(northwind, Verb.TENANT_CONNECTED)[0][0] == "command"


@pytest.mark.django_db(transaction=True)
def test_a_person_made_by_command_is_written_before_their_roles(contoso: Tenant) -> None:
    command = start_command(
        *("create_person", "new@contoso.example", "--role", "contoso=reader", "--password-env", "SECRET_OF_NEW"),
        SECRET_OF_NEW="a-long-enough-passphrase",
    )
    assert (command.communicate(timeout=PATIENCE_SECONDS), command.returncode)[1] == 0

    created = events(PLATFORM)[-1]
    granted = next(event for event in events(contoso.id) if event.verb == Verb.ROLE_GRANTED)
    assert (created.verb, created.target_label) == (Verb.PERSON_CREATED, "new@contoso.example")
    assert (granted.target_label, granted.record()["after"]) == ("new@contoso.example", {"role": "reader"})
    assert "passphrase" not in created.after + granted.after
