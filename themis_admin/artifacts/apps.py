"""The artifacts app."""

from django.apps import AppConfig


class ArtifactsConfig(AppConfig):
    """Published files and who keeps them."""

    name = "themis_admin.artifacts"
    label = "artifacts"
    default_auto_field = "django.db.models.BigAutoField"
