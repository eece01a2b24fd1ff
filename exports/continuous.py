"""Continuous streams: after the pinned version comes what each later version adds to the selection, as it is published.

Positions count on through the additions in the order of the versions' numbers, so a cursor means the same whenever it is
resumed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.db.models import Max

from exports import services
from exports.encoding import Encoder
from exports.limits import Consumer
from exports.stream import pump
from themis_admin.datasets.models import Version
from themis_admin.jobs.broadcast import hub
from themis_admin.serving import Outlet
from themisdb_datasets.additions import added
from themisdb_datasets.errors import ConflictError, ImpossibleError
from themisdb_datasets.plan import Chunk, Delivery, Plan

LOOK_SECONDS = 1.0  # where no nudge comes
LOOK_AT_MOST_EVERY = 0.2
KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = memoryview(b"\n")

Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Segment:
    """What one version gives to the stream: `delivery` from position `start` of the stream on."""

    version: Version
    delivery: Delivery
    start: int

    @property
    def stop(self) -> int:
        return self.start + self.delivery.num_samples


@dataclass(frozen=True)
class Share:
    """The positions that a consumer gets: from `start` + `rank` on every `world_size`-th, `limit` of them or all."""

    start: int
    rank: int
    world_size: int
    limit: int | None

    def within(self, segment: Segment, done: int) -> range:
        """Those of a segment, as positions of its delivery, for a consumer that has had `done` lines."""
        position = self.start + self.rank + done * self.world_size
        window = range(max(position - segment.start, 0), segment.delivery.num_samples, self.world_size)
        return window if self.limit is None else window[: self.limit - done]


class Continuation:
    """The segments of one plan, found one after the other."""

    def __init__(self, plan: Plan, version: Version, delivery: Delivery) -> None:
        self.plan = plan
        self.current = Segment(version, delivery, 0)

    def advance(self) -> bool:
        """Go on to the next version's additions; False where there is no later version yet."""
        versions = Version.objects.filter(dataset_id=self.current.version.dataset_id)
        following = versions.filter(number__gt=self.current.version.number).order_by("number").first()
        if following is None:
            if not versions.filter(pk=self.current.version.pk).exists():
                raise ConflictError(
                    "The dataset was removed, so nothing more will come.", code="stale_cursor"
                )
            return False
        before, after = self.current.version.open(), following.open()
        plan = replace(self.plan, version=following.digest)
        selection = services.selections().get(after, following.digest, plan.criteria)
        new = added(selection, before=before, after=after, cache=services.selections())
        self.current = Segment(following, Delivery(plan, after, [new]), self.current.stop)
        return True

    def reach(self, position: int) -> None:
        """Go on to the segment in which `position` lies, or the last; ImpossibleError for one that is beyond."""
        while position > self.current.stop and self.advance():
            pass
        if position > self.current.stop:
            message = (
                f"Position {position:,} is past the end: there are {self.current.stop:,} samples so far."
            )
            raise ImpossibleError(message, code="past_the_end", fields={"start": message})


async def follow(
    continuation: Continuation,
    share: Share,
    consumer: Consumer,
    *,
    batch_size: int,
    encoder: Encoder | None,
    outlet: Outlet | None,
) -> AsyncGenerator[Chunk, None]:
    """The consumer's lines, for as long as the client stays: chunks, and a blank line where nothing came for a while."""
    done = 0
    async with _watch() as versions:
        while share.limit is None or done < share.limit:
            window = share.within(continuation.current, done)
            lines = partial(_lines, continuation.current.delivery, window, batch_size)
            async with aclosing(pump(lines, encoder=encoder, outlet=outlet)) as pumped:
                async for chunk in pumped:
                    done += chunk.num_samples
                    yield chunk
            while share.limit is None or done < share.limit:
                newest = versions.newest
                if await _in_thread(continuation.advance):
                    break
                if not await versions.wait(newest, seconds=KEEP_ALIVE_SECONDS):
                    await _in_thread(consumer.check)
                    yield Chunk(encoder.encode(KEEP_ALIVE) if encoder else KEEP_ALIVE, 0)
    if encoder is not None:
        yield Chunk(encoder.end(), 0)


def _lines(delivery: Delivery, window: range, batch_size: int, done: int) -> Iterator[Chunk]:
    return delivery.chunks(window[done:], batch_size=batch_size)


class _Watch:
    """Looks for new versions, once for all continuous streams of an event loop."""

    def __init__(self) -> None:
        self.newest = 0
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "_Watch":
        self._listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listeners -= 1
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait(self, newest: int, *, seconds: float) -> bool:
        """Return True once there is a version after `newest`, False after some seconds without."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.newest > newest)
                return True
        return False

    async def _look(self) -> None:
        async with hub() as nudges:
            while True:
                seen = nudges.count
                try:
                    newest = await _in_thread(_newest)
                except DatabaseError as error:
                    log.warning("continuous streams look again: %s", error)
                    newest = self.newest
                if newest > self.newest:
                    async with self._changed:
                        self.newest = newest
                        self._changed.notify_all()
                await asyncio.sleep(LOOK_AT_MOST_EVERY)
                await nudges.wait(seen, seconds=LOOK_SECONDS)


def _newest() -> int:
    newest: int | None = Version.objects.aggregate(newest=Max("pk"))["newest"]
    return newest or 0


async def _in_thread(work: Callable[[], Result]) -> Result:
    def run() -> Result:
        try:
            return work()
        finally:
            connection.close()

    return await sync_to_async(run, thread_sensitive=False)()


_watches: dict[asyncio.AbstractEventLoop, _Watch] = {}


def _watch() -> _Watch:
    loop = asyncio.get_running_loop()
    for old in [known for known in _watches if known.is_closed()]:
        del _watches[old]
    return _watches.setdefault(loop, _Watch())
