"""Doors for the worker: who gets a sync now, whether a tenant can be read, and what of signing in is over."""

from dataclasses import asdict
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.tenancy import Scope, entered
from tenants.actions import record_preflight
from tenants.connections import azure_access
from tenants.dispatch import PREFLIGHT_TASK, enqueue_due
from tenants.invitation_mail import send_letter as send_now
from tenants.invitations import SEND_LETTER, letters_due, wake
from tenants.models import Tenant
from tenants.preflight import preflight, without_credentials
from tenants.sessions import forget_what_is_over


@shared_task(name="tenants.tasks.fan_out")  # type: ignore[untyped-decorator]
def fan_out(kind: str) -> int:
    """Enqueue the tenants whose sync of this kind is due. Returns how many."""
    return len(enqueue_due(kind))


@shared_task(name=PREFLIGHT_TASK)  # type: ignore[untyped-decorator]
def ask_preflight(tenant_id: str, request: str) -> bool:
    """Ask Azure whether the tenant can be read. Returns whether anybody still waited for the answer."""
    with entered(Scope.of(UUID(tenant_id))):
        access = azure_access(Tenant.objects.get())
        checks = without_credentials(preflight(access), access)
        found = [asdict(check) for check in checks]
        return record_preflight(UUID(tenant_id), UUID(request), found, now=timezone.now())


@shared_task(name=SEND_LETTER)  # type: ignore[untyped-decorator]
def send_letter(letter: str) -> bool:
    """Send the mail of an invitation. Returns whether it left."""
    return send_now(UUID(letter), now=timezone.now())


@shared_task(name="tenants.tasks.tend_letters")  # type: ignore[untyped-decorator]
def tend_letters() -> int:
    """Wake a worker for every letter that no worker was told of, or that could not be sent. Returns how many."""
    return sum(wake(letter) for letter in letters_due(timezone.now()))


@shared_task(name="tenants.tasks.tidy_sign_ins")  # type: ignore[untyped-decorator]
def tidy_sign_ins() -> None:
    """Delete the sessions that are over, and what was kept of sign-ins that nobody ended."""
    forget_what_is_over(timezone.now())
