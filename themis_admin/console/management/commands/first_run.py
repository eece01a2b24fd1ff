"""`manage.py first_run`: the first administrator, token and demo dataset of an empty data folder."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from themis_admin.console.demo.demo import announcement, ensure_first_run
from themisdb_datasets.errors import ThemisError


class Command(BaseCommand):
    help = "Make the first administrator, a token and the demo dataset, unless there are users already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="where the web server answers")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            first_run = ensure_first_run(settings.THEMIS.data_dir, url=options["url"], say=self.stdout.write)
        except ThemisError as error:
            raise CommandError(error.message) from error
        if first_run is not None:
            self.stdout.write(announcement(first_run))
