"""The datasets app's place in Django."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "themis_admin.datasets"
    label = "datasets"
    verbose_name = "Datasets"
    default_auto_field = "django.db.models.BigAutoField"
