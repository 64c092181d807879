"""How it runs: composition, system checks and commands. No models."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The project itself as an app, for its commands, checks and static files."""

    name = "governance"

    def ready(self) -> None:
        """Make the Celery app this process's own, so that the web enqueues where the worker listens; add the checks."""
        from governance import celery, checks, isolation, sign_in_checks

        celery.app.set_default()
        checks.register_all()
        isolation.register()
        sign_in_checks.register_all()
