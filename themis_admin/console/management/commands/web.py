"""`manage.py web`: the web process."""

from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand

from themis_admin import environment
from themis_admin.web.serving import Connection

SERVER: dict[str, Any] = {
    "loop": "uvloop",
    "http": Connection,
    "ws": "websockets-sansio",
    "proxy_headers": False,
    "server_header": False,
    "access_log": False,
    "log_level": "info",
    "timeout_graceful_shutdown": 3,
}


class Command(BaseCommand):
    help = "Serve the console and the API (THEMIS_HOST and PORT say where)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=environment.text("THEMIS_HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=environment.integer("PORT", 8000))

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        uvicorn.run("themis_admin.asgi:application", host=host, port=port, **SERVER)
