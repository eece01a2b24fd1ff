"""The exports app."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Live streams of training data."""

    name = "exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"
