"""The web server's entry: HTTP through Django, sockets through Channels, both on one port."""

import os
from typing import Any

import django
from channels.routing import ProtocolTypeRouter
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "themis_admin.settings")
django.setup(set_prefix=False)

from themis_admin.sockets import sockets  # noqa: E402 - needs the apps


class WideHandler(ASGIHandler):
    """Django's handler, sending up to 4 MiB at a time: at its 64 KiB a stream costs a third more."""

    chunk_size = 4 << 20


async def _lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Answer the server's start and stop messages; there is nothing to prepare."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": WideHandler(), "websocket": sockets, "lifespan": _lifespan})
