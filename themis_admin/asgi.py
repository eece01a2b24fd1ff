"""The web server's entry: HTTP through Django, sockets through Channels, both on one port."""

import os
from collections.abc import Iterator
from typing import Any

import django
from asgiref.sync import SyncToAsync
from channels.routing import ProtocolTypeRouter
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "themis_admin.settings")
django.setup(set_prefix=False)

from themis_admin.sockets import sockets  # noqa: E402 - needs the apps


class WideHandler(ASGIHandler):
    """Django's handler, for answers that may take hours.

    It sends up to 4 MiB at a time: at Django's 64 KiB a stream costs a third more.
    """

    chunk_size = 4 << 20

    async def send_response(self, response: Any, send: Any) -> None:
        """Send it; what streams does without the thread that its view ran in, which holds half a megabyte."""
        context = SyncToAsync.thread_sensitive_context.get(None)
        if response.streaming and context is not None:
            # Whoever needs the thread once more gets a new one.
            executor = SyncToAsync.context_to_thread_executor.pop(context, None)
            if executor is not None:
                executor.shutdown(wait=False)
        await super().send_response(response, send)

    @classmethod
    def chunk_bytes(cls, data: Any) -> Iterator[tuple[Any, bool]]:
        """Pass on what is small enough as it is: a slice would hold its memory after it was sent."""
        if 0 < len(data) <= cls.chunk_size:
            yield data, True
        else:
            yield from super().chunk_bytes(data)


async def _lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Answer the server's start and stop messages; there is nothing to prepare."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": WideHandler(), "websocket": sockets, "lifespan": _lifespan})
