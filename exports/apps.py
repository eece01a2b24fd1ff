"""The exports app."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Live streams of training data."""

    name = "exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear of what streams will need."""
        from exports.delivery import ahead
        from themis_admin.datasets import changes

        if ahead.after_change not in changes.LISTENERS:
            changes.LISTENERS.append(ahead.after_change)
