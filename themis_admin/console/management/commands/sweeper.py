"""`manage.py sweeper`: frees the jobs of dead workers, and repeats hints that were lost."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from exports import limits
from exports.files import retention
from themis_admin.datasets.retention import services as retention_services
from themis_admin.jobs import sweeper
from themis_admin.snapshots import archive


class Command(BaseCommand):
    help = (
        "Free the jobs of dead workers and repeat lost hints; one an installation is enough, more do no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        sweeper.loop(stop, [retention.tidy, limits.tidy, archive.tidy, retention_services.tidy])
