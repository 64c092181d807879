"""Doors for the worker: who gets a sync now."""

from celery import shared_task

from tenants.dispatch import enqueue_due


@shared_task(name="tenants.tasks.fan_out")  # type: ignore[untyped-decorator]
def fan_out(kind: str) -> int:
    """Enqueue the tenants whose sync of this kind is due. Returns how many."""
    return len(enqueue_due(kind))
