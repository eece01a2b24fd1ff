"""`manage.py worker`: a worker for jobs."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from themis_admin.celery import WORKER, app


class Command(BaseCommand):
    help = "Work on jobs; start as many as there are machines for it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=os.cpu_count() or 1, help="jobs at once")

    def handle(self, *args: Any, concurrency: int, **options: Any) -> None:
        os.environ[WORKER] = str(os.getpid())
        arguments = ["worker", f"--concurrency={concurrency}", "--loglevel=INFO", "--queues=default"]
        # Workers need not know of each other, so they do not talk about it.
        app.worker_main([*arguments, "--without-gossip", "--without-mingle", "--without-heartbeat"])
