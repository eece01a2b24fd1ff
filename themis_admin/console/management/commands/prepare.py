"""`manage.py prepare`: the database made ready for this release."""

from typing import Any

from django.core.management.base import BaseCommand

from themis_admin.console import database


class Command(BaseCommand):
    help = "Migrate the database and make what it needs; refuses one that belongs to a later release."

    def handle(self, *args: Any, **options: Any) -> None:
        database.prepare()
        self.stdout.write("The database is ready.")
