"""The project itself as an app, for its template tags."""

from django.apps import AppConfig


class ThemisConfig(AppConfig):
    """Template tags that every app's pages share."""

    name = "themis_admin"
    label = "themis_admin"
