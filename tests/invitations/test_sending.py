"""The letter on its way: tried again, given up, never sent twice by two workers at once, and what is said of it."""

import threading
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused, SMTPSenderRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from governance.celery import app
from governance.tenancy import Scope, entered
from governance.valkey import free_port
from tenants.invitation_mail import MOST_ATTEMPTS, send_letter
from tenants.invitations import letters_due
from tenants.models import Invitation, Tenant, User
from tenants.tasks import tend_letters
from tests.api.program import Program
from tests.conftest import person, signed_in
from tests.invitations.letters import ERIN, accept_with, delivered, invite_by_page, link_in, rows_of
from tests.portal.test_resources_page import text

HERE = "tests.invitations.test_sending"


class Unlucky(EmailBackend):
    """A mail server in a bad mood; `mood` says which."""

    mood: Exception = SMTPServerDisconnected("the words of the server, with erin@elsewhere.example in them")

    def send_messages(self, messages: Any) -> int:
        """Take none."""
        raise self.mood


def told(user: User, tenant: Tenant) -> str:
    """What the page of the people says."""
    return " ".join(text(signed_in(user).get(f"/tenants/{tenant.id}/people/")).split())


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        (SMTPServerDisconnected("the words of the server"), "The mail server does not answer, or refuses us"),
        (ConnectionRefusedError("the words of the server"), "The mail server does not answer, or refuses us"),
        (SMTPRecipientsRefused({ERIN: (550, b"the words of the server")}), "The mail server refuses this address."),
        (SMTPSenderRefused(550, b"the words of the server", "x"), "The mail server refuses our sender"),
    ],
)
def test_what_the_mail_server_does_not_take_is_said_and_tried_again(
    contoso: Tenant, alice: User, settings: LazySettings, mood: Exception, words: str
) -> None:
    invite_by_page(alice, contoso)
    settings.EMAIL_BACKEND, Unlucky.mood = f"{HERE}.Unlucky", mood

    assert delivered() == []

    page = told(alice, contoso)
    assert "Not sent" in page
    assert words in page
    assert "Tried again at" in page
    assert "the words of the server" not in page
    (row,) = Program(alice).rows("invitations/")
    assert (row["mailed_at"], words in row["mail_problem"]) == (None, True)
    assert letters_due(timezone.now()) == []  # not at once

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    later = timezone.now() + timedelta(minutes=6)
    (letter,) = letters_due(later)
    assert send_letter(letter, now=later) is True
    assert accept_with(signed_in(person(ERIN)), link_in(mail.outbox[-1])).status_code == 303


def test_it_waits_longer_each_time_and_is_given_up_and_an_admin_may_send_it_again(
    contoso: Tenant, alice: User, settings: LazySettings
) -> None:
    invite_by_page(alice, contoso)
    settings.EMAIL_BACKEND, Unlucky.mood = f"{HERE}.Unlucky", OSError()
    now: datetime = timezone.now()
    waits = []

    for _ in range(MOST_ATTEMPTS):
        (letter,) = letters_due(now)
        send_letter(letter, now=now)
        (row,) = rows_of(contoso)
        waits.append((row.mail_due_at - now) / timedelta(minutes=1) if row.mail_due_at else None)
        now = row.mail_due_at or now

    assert waits == [5, 10, 20, 40, 80, 160, 320, None]
    assert letters_due(now + timedelta(days=1)) == []
    assert "It is not tried again by itself." in told(alice, contoso)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Program(alice).post(f"invitations/{row.id}/resend/", {})
    assert len(delivered()) == 1


def test_without_a_broker_the_tending_job_sends_it_later(
    contoso: Tenant,
    alice: User,
    broker: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
        broken.setattr(app, "_pool", None)
        broken.setattr(app.amqp, "_producer_pool", None)
        with django_capture_on_commit_callbacks(execute=True):
            answer = invite_by_page(alice, contoso)
    assert (answer.status_code, broker.llen("celery")) == (303, 0)
    assert "Waiting" in told(alice, contoso)

    assert tend_letters() == 1

    assert broker.llen("celery") == 1
    assert str(rows_of(contoso)[0].letter).encode() in broker.lrange("celery", 0, -1)[0]
    assert len(delivered()) == 1
    assert tend_letters() == 0


@pytest.mark.parametrize("how", ["revoked_at", "accepted_at", "expires_at"])
def test_what_nobody_may_accept_any_more_is_not_sent(contoso: Tenant, alice: User, how: str) -> None:
    invite_by_page(alice, contoso)
    with entered(Scope.of(contoso.id)):
        Invitation.objects.update(**{how: timezone.now()})

    assert delivered() == []


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_with_the_same_letter_one_sends_it(contoso: Tenant, alice: User) -> None:
    invite_by_page(alice, contoso)
    (row,), now = rows_of(contoso), timezone.now()
    together, sent = threading.Barrier(4), []

    def work() -> None:
        try:
            together.wait(timeout=30)
            sent.append(send_letter(row.letter, now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(sent) == [False, False, False, True]
    assert len(mail.outbox) == 1
