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
        from themis_admin.datasets.signals import subject_changed

        subject_changed.connect(ahead.after_change, dispatch_uid="exports.ahead")
