"""The indexing app."""

from django.apps import AppConfig


class IndexingConfig(AppConfig):
    """Indexes and random access."""

    name = "indexing"
    label = "indexing"
    default_auto_field = "django.db.models.BigAutoField"
