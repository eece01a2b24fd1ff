"""The open streams of a web process: their rows' leases renewed with their progress, and their end written down."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.utils import timezone

from exports.limits import LEASE
from exports.stream_models import Stream, StreamState
from themisdb_datasets.errors import ThemisError
from themisdb_datasets.plan import Chunk

RENEW_SECONDS = LEASE.total_seconds() / 5
CLIENT_GONE = "The client went away; it can go on from its last line with the cursor."
log = logging.getLogger(__name__)


class OpenStream:
    """A stream under way: what was handed to the client's connection so far."""

    def __init__(self, row: Stream) -> None:
        self.row = row
        self.begun = False
        self.num_samples = 0
        self.num_bytes = 0

    async def send(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncIterator[memoryview]:
        """The data of `chunks`; the row is renewed meanwhile and completed at the end, whatever that is."""
        self.begun = True
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
            raise
        except BaseException:
            error = "Something went wrong on the server; its log says what."
            raise
        finally:
            register.remove(self)
            await sync_to_async(self.end)(state, error)

    def end(self, state: StreamState, error: str) -> None:
        """Write down how it ended."""
        self._update(state=state, error=error, finished_at=timezone.now())
        _close()

    def renew(self) -> None:
        """Keep the lease, and tell the progress."""
        self._update(lease_until=timezone.now() + LEASE)

    def abandon(self) -> None:
        """The response goes away without having begun."""
        if not self.begun:
            self.begun = True
            self._update(state=StreamState.FAILED, error=CLIENT_GONE, finished_at=timezone.now())

    def _update(self, **changes: Any) -> None:
        rows = Stream.objects.filter(pk=self.row.pk, state=StreamState.IN_PROGRESS)
        try:
            rows.update(records_processed=self.num_samples, num_bytes=self.num_bytes, **changes)
        except DatabaseError as error:
            log.warning("stream %s could not be written down: %s", self.row.export_id, error)


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
            await asyncio.sleep(RENEW_SECONDS)
            await sync_to_async(_renew_all, thread_sensitive=False)(list(self._streams))


def _renew_all(streams: list[OpenStream]) -> None:
    for stream in streams:
        stream.renew()
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
