"""`manage.py sweeper`: frees the jobs of dead workers, and repeats hints that were lost."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from exports import limits
from exports import retention as export_retention
from themis_admin.datasets import retention, snapshot_archive
from themis_admin.jobs import sweeper


class Command(BaseCommand):
    help = (
        "Free the jobs of dead workers and repeat lost hints; one an installation is enough, more do no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        sweeper.loop(stop, [export_retention.tidy, limits.tidy, snapshot_archive.tidy, retention.tidy])
