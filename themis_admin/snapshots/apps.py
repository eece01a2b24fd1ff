"""The snapshots app."""

from django.apps import AppConfig


class SnapshotsConfig(AppConfig):
    """Frozen versions."""

    name = "themis_admin.snapshots"
    label = "snapshots"
    default_auto_field = "django.db.models.BigAutoField"
