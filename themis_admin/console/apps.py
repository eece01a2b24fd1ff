"""The console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Overview, commands, demo data."""

    name = "themis_admin.console"
    label = "console"
