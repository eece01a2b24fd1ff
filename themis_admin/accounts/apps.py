"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, tokens and the audit log."""

    name = "themis_admin.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
