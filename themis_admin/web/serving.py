"""A connection of the web server: what a response may know of it, and its end when the client takes nothing any more."""

import asyncio
import fcntl
import socket
import struct
import termios
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

OUTLET = "themis.outlet"  # where the state of a request's scope has it
LOOKS = 10  # how often in the time of a stall it is looked whether something was taken


class Outlet:
    """The way out to one client."""

    def __init__(self, flow: FlowControl) -> None:
        self._flow = flow
        self.stalled = False  # whether the connection was cut because the client took nothing

    @property
    def full(self) -> bool:
        """Whether the client has to take something before more should be written."""
        return bool(self._flow.write_paused)

    async def drained(self) -> None:
        """Return once the client has taken enough, or has gone."""
        await self._flow.drain()


# Back-pressure alone is not enough: the server stops writing to a client that reads nothing, and would then
# hold its connection, its buffers and its row for as long as the client likes.
class Connection(HttpToolsProtocol):
    """An HTTP connection that is broken off when its client takes nothing for `THEMIS_STALL_SECONDS`."""

    _timer: asyncio.TimerHandle | None = None
    _left = 0
    _moved_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the server
        super().connection_made(transport)
        self.outlet = Outlet(self.flow)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][OUTLET] = self.outlet

    def pause_writing(self) -> None:
        """The buffers are full: from now on it is watched whether the client takes something."""
        super().pause_writing()
        # Nothing is written while writing is paused, so the unsent bytes can only become fewer, and that they
        # did means that the client has taken some.
        if self._timer is None:
            self._left, self._moved_at = self._unsent(), time.monotonic()
            self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._timer = self.loop.call_later(settings.THEMIS.stall_seconds / LOOKS, self._look)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left, now = self._unsent(), time.monotonic()
        if left < self._left:
            self._left, self._moved_at = left, now
        if now - self._moved_at >= settings.THEMIS.stall_seconds:
            self._timer = None
            self.outlet.stalled = True
            # Neither this process nor the kernel keeps what the client does not take.
            # With a linger of 0 seconds closing sends a reset and drops what the kernel still holds
            # (socket(7), SO_LINGER); an ordinary close would leave it there until the client's end answers.
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self._watch()

    def _unsent(self) -> int:
        """Bytes that the client has not taken: what waits in this process, and in the kernel where that tells."""
        unsent: int = self.transport.get_write_buffer_size()
        with suppress(OSError):
            # SIOCOUTQ of tcp(7), which has this number: bytes of the send queue that
            # the other end has not acknowledged. Without it a client that takes little
            # at a time, out of the kernel's buffer, would seem to take nothing.
            answer = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            unsent += struct.unpack("i", answer)[0]
        return unsent


def outlet_of(request: Any) -> Outlet | None:
    """The way out to the client of a request; None where another server sends the response."""
    outlet: Outlet | None = getattr(request, "scope", {}).get("state", {}).get(OUTLET)
    return outlet
