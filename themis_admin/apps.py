"""The project itself as an app: its template tags, and the Celery app that every process sends hints by."""

from importlib import import_module

from django.apps import AppConfig


class ThemisConfig(AppConfig):
    """What every app shares."""

    name = "themis_admin"
    label = "themis_admin"

    def ready(self) -> None:
        """Make the Celery app the one that `current_app` and `shared_task` mean."""
        import_module("themis_admin.celery")
