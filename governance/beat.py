"""django-celery-beat's scheduler, held to the one table of schedules."""

from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class TableScheduler(DatabaseScheduler):  # type: ignore[misc]  # untyped library
    """Reads its entries from the database, where the table was written at start; what left the table is removed."""

    def setup_schedule(self) -> None:
        """Write the table into the database and remove what is no longer in it."""
        table: dict[str, Any] = self.app.conf.beat_schedule
        self.install_default_entries(table)
        self.update_from_dict(table)
        PeriodicTask.objects.exclude(name__in=[*table, "celery.backend_cleanup"]).delete()
