"""`manage.py retain DATASET`: which old versions of a dataset would go and why the others stay; removes them if told to."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from themis_admin.datasets.models import Dataset
from themis_admin.datasets.retention import services as retention
from themis_admin.datasets.retention.services import Policy
from themisdb_datasets.errors import ThemisError


class Command(BaseCommand):
    help = (
        "Show which old versions of a dataset would go, and why the others stay; with --remove, remove them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="its id, or its name where only one dataset has it")
        parser.add_argument("--keep-last", type=int, help="the newest so many stay")
        parser.add_argument("--older-than-days", type=int, help="those that are not older stay")
        parser.add_argument("--remove", action="store_true", help="start the job that removes them")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = _find(options["dataset"])
        given = {
            name: options[name] for name in ("keep_last", "older_than_days") if options[name] is not None
        }
        try:
            policy = Policy.of(dataset) if not given else Policy.parse(given)
            if policy is None:
                raise CommandError(
                    "The dataset has no retention of its own; say --keep-last or --older-than-days."
                )
            fates = retention.plan(dataset, policy)
            for fate in fates:
                why = "; ".join(reason.text for reason in fate.reasons)
                said = "goes" if fate.goes else f"stays: {why}"
                self.stdout.write(f"version {fate.version.number} {fate.version.digest[:8]} {said}")
            going = [fate.version for fate in fates if fate.goes]
            self.stdout.write(
                f"{len(going)} of {len(fates)} go, {retention.freed_bytes(going):,} bytes are freed."
            )
            if options["remove"] and going:
                job = retention.start(dataset, user=dataset.owner, policy=policy)
                self.stdout.write(f"Job {job.pk} removes them.")
        except ThemisError as error:
            raise CommandError(str(error)) from None


def _find(name: str) -> Dataset:
    datasets = Dataset.objects.select_related("owner", "latest")
    found = list(datasets.named(name)) or list(datasets.filter(pk=int(name)) if name.isdecimal() else [])
    if len(found) != 1:
        raise CommandError(
            f"{'Several datasets are' if found else 'No dataset is'} called {name!r}; say its id."
        )
    return found[0]
