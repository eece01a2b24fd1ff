"""The jobs app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Jobs and events."""

    name = "themis_admin.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
