"""The Celery application, for web, worker and beat. What runs when stands in `governance/schedules.py`.

A message carries who asked for the work (`governance.actors`), and the worker acts for them.
"""

import os
from typing import Any

from celery import Celery, Task

from governance.actors import Actor, asker, working_on

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")


class Work(Task):  # type: ignore[misc]  # untyped library
    """A task that acts as the worker, for whoever asked for it."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run it."""
        with working_on(self.name, asked_by=_asked_by(self.request.get("asker"))):
            return super().__call__(*args, **options)


class Queue(Celery):  # type: ignore[misc]  # untyped library
    """Celery, telling the worker who asks."""

    task_cls = Work

    def send_task(self, name: str, *args: Any, headers: dict[str, Any] | None = None, **options: Any) -> Any:
        """As Celery's."""
        asking = asker()
        told = {} if asking is None else {"asker": asking.to_message()}
        return super().send_task(name, *args, headers={**(headers or {}), **told}, **options)


def _asked_by(told: Any) -> Actor | None:
    return Actor.from_message(told) if isinstance(told, dict) else None


app = Queue("governance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["governance.portal"])  # no app of its own
