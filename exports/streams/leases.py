"""The open streams of a web process: their rows' leases renewed with their progress, and their end written down."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from exports.limits import lease
from exports.models import Stream, StreamState
from themis_admin.web.serving import Outlet
from themisdb_datasets.engine.plans.delivery import Chunk
from themisdb_datasets.errors import ThemisError

CLIENT_GONE = "The client went away; it can go on from its last line with the cursor."
STALLED = (
    "The client took nothing for too long and was cut off; it can go on from its last line with the cursor."
)
log = logging.getLogger(__name__)


class OpenStream:
    """A stream under way: what was handed to the client's connection so far."""

    def __init__(self, row: Stream, outlet: Outlet | None) -> None:
        self.row = row
        self.outlet = outlet
        self.begun = False
        self.ended = False
        self.num_samples = 0
        self.num_bytes = 0

    async def send(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[memoryview, None]:
        """The data of `chunks`; the row is renewed meanwhile and completed at the end, whatever that is."""
        self.begun = True
        # What holds unless something below says otherwise: that the generator is closed is mostly all that is
        # seen of a client that has gone.
        state, error = StreamState.FAILED, CLIENT_GONE
        register = _register()
        register.add(self)
        try:
            async with aclosing(chunks) as source:
                async for chunk in source:
                    self.num_samples += chunk.num_samples
                    self.num_bytes += len(chunk.data)
                    yield chunk.data
            state, error = StreamState.COMPLETED, ""
        except ThemisError as reason:
            error = str(reason)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if self.outlet is not None and self.outlet.stalled:
                error = STALLED
            raise
        except BaseException:
            error = "Something went wrong on the server; its log says what."
            raise
        finally:
            # First, so that no renewal begins that would take the
            # stream for open; one under way finds `ended` set.
            register.remove(self)
            # Where our own server sends it, no thread of the request's own is needed.
            await sync_to_async(self.end, thread_sensitive=self.outlet is None)(state, error)

    def end(self, state: StreamState, error: str) -> None:
        """Write down how it ended; what cannot be written now is seen when the lease runs out."""
        self.ended = True
        try:
            self._update(state=state, error=error, finished_at=timezone.now())
        except (DatabaseError, InterfaceError) as reason:
            log.warning("the end of stream %s could not be written down: %s", self.row.export_id, reason)
        finally:
            _close()

    def renew(self) -> None:
        """Keep the lease, and tell the progress."""
        self._update(lease_until=timezone.now() + lease())

    def abandon(self) -> None:
        """The response goes away without having begun."""
        if not self.begun:
            self.begun = True
            self.end(StreamState.FAILED, CLIENT_GONE)

    def _update(self, **changes: Any) -> None:
        # It goes on, even if somebody has thought this process to be gone.
        rows = Stream.objects.filter(pk=self.row.pk)
        written = {"state": StreamState.IN_PROGRESS, "error": "", "finished_at": None, **changes}
        rows.update(records_processed=self.num_samples, num_bytes=self.num_bytes, **written)


class _Register:
    """The open streams of one event loop, and the task that renews them while there are any."""

    def __init__(self) -> None:
        self._streams: set[OpenStream] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, stream: OpenStream) -> None:
        self._streams.add(stream)
        if self._task is None:
            self._task = asyncio.create_task(self._renew())

    def remove(self, stream: OpenStream) -> None:
        self._streams.discard(stream)
        if not self._streams and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _renew(self) -> None:
        while True:
            # Four renewals may fail before anybody takes the stream for lost.
            await asyncio.sleep(lease().total_seconds() / 5)
            await sync_to_async(_renew_all, thread_sensitive=False)(list(self._streams))


def _renew_all(streams: list[OpenStream]) -> None:
    try:
        with transaction.atomic():
            # Once the rows are held, an end is written either before and known here, or after.
            rows = Stream.objects.filter(pk__in=[stream.row.pk for stream in streams]).order_by("pk")
            rows.select_for_update(no_key=True).in_bulk()
            for stream in streams:
                if not stream.ended:
                    stream.renew()
    except (DatabaseError, InterfaceError) as error:
        log.warning("the leases of streams could not be renewed: %s", error)
    finally:
        _close()


def _close() -> None:
    """Streams last long and need the database seldom."""
    if not connection.in_atomic_block:
        connection.close()


_registers: dict[asyncio.AbstractEventLoop, _Register] = {}


def _register() -> _Register:
    loop = asyncio.get_running_loop()
    for old in [known for known in _registers if known.is_closed()]:
        del _registers[old]
    return _registers.setdefault(loop, _Register())
