"""Continuous streams: after the pinned version comes what each later version adds to the selection, as it is published.

Positions count on through the additions in the order of the versions' numbers, so a cursor means the same whenever it is
resumed.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Max

from exports.limits import Consumer
from exports.streams.compression import Compressor
from exports.streams.pump import pump
from themis_admin.datasets.models import Version
from themis_admin.jobs.broadcast import hub
from themis_admin.storage.stores import kept_files
from themis_admin.web.serving import Outlet
from themisdb_datasets.engine.plans.delivery import Chunk, Delivery
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.selections.additions import added
from themisdb_datasets.errors import ConflictError, ImpossibleError

LOOK_SECONDS = 1.0  # where no nudge comes
LOOK_AT_MOST_EVERY = 0.2

REMOVED = "The dataset or its version was removed, so nothing more will come."
# What it added cannot be known any more, and so not what a position after it means.
GAP = "A version that the stream has to go through was removed; start the stream anew without the cursor."

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
class RankShare:
    """The positions that a consumer gets: from `start` + `rank` on every `world_size`-th, `limit` of them or all."""

    start: int
    rank: int
    world_size: int
    limit: int | None

    def within(self, segment: Segment, done: int) -> range:
        """Those of a segment, as positions of its delivery, for a consumer that has had `done` lines."""
        # Ranks share the positions of the whole stream, not those of each segment:
        # however the additions are cut into versions, a rank gets the same lines,
        # and after `done` of them each rank stands at the same base position.
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
                raise ConflictError(REMOVED, code="stale_cursor")
            return False
        # Numbers may have gaps where versions were removed; the
        # parent tells whether one is missing between the two.
        if following.parent_id != self.current.version.pk:
            raise ConflictError(GAP, code="stale_cursor")
        version, new = added(
            self.plan.criteria,
            before=self.current.version.open(),
            after=following.open(),
            digest=following.digest,
            cache=kept_files(),
        )
        self.current = Segment(following, Delivery(self.plan, version, [new]), self.current.stop)
        return True

    def reach(self, position: int) -> None:
        """Go on to the segment in which `position` lies, or the last; ImpossibleError for one that is beyond."""
        while position > self.current.stop and self.advance():
            pass
        if position > self.current.stop:
            raise ImpossibleError.at(
                "start",
                "Position {position:,} is past the end: there are {stop:,} samples so far.",
                code="past_the_end",
                position=position,
                stop=self.current.stop,
            )


async def follow(
    continuation: Continuation,
    share: RankShare,
    consumer: Consumer,
    *,
    batch_size: int,
    encoder: Compressor | None,
    outlet: Outlet | None,
) -> AsyncGenerator[Chunk, None]:
    """The consumer's lines, for as long as the client stays: chunks, and a blank line where nothing came for a while."""
    done = 0
    async with _watch().over(continuation.current.version.dataset_id) as versions:
        while share.limit is None or done < share.limit:
            window = share.within(continuation.current, done)
            lines = partial(_lines, continuation.current.delivery, window, batch_size)
            async with aclosing(pump(lines, encoder=encoder, outlet=outlet)) as pumped:
                async for chunk in pumped:
                    done += chunk.num_samples
                    yield chunk
            # All lines are there, so it ends instead of waiting for a version of which it wants nothing.
            if done == share.limit:
                break
            # Asked before waiting, for the version may have come while the last lines were sent.
            while not await _in_thread(continuation.advance):
                # Also where the watch saw nothing: it may have been the dataset that went.
                seconds = settings.THEMIS.keep_alive_seconds
                if not await versions.wait(continuation.current.version, seconds=seconds):
                    # A stream may last for weeks; here, where it costs nothing, it is
                    # seen whether its token still holds. The blank line lets a proxy know
                    # that the connection is alive, and this process that the client is.
                    await _in_thread(consumer.check)
                    yield Chunk(_keep_alive(encoder), 0)
    if encoder is not None:
        yield Chunk(encoder.end(), 0)


def _lines(delivery: Delivery, window: range, batch_size: int, done: int) -> Iterator[Chunk]:
    return delivery.chunks(window[done:], batch_size=batch_size)


def _keep_alive(encoder: Compressor | None) -> memoryview:
    blank = memoryview(b"\n")
    return encoder.encode(blank) if encoder is not None else blank


class _Watch:
    """Looks for new versions, once for all continuous streams of an event loop."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}  # by dataset, the version's number
        self._changed = asyncio.Condition()
        self._listeners: Counter[int] = Counter()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def over(self, dataset: int) -> AsyncIterator["_Watch"]:
        """Look after a dataset meanwhile."""
        # A look is one query for all streams of this process, whatever
        # their number; each by itself would ask once a second.
        self._listeners[dataset] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield self
        finally:
            self._listeners -= Counter([dataset])  # what nobody listens to is left out
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def wait(self, version: Version, *, seconds: float) -> bool:
        """Return True once the dataset has a version after this one, False after some seconds without."""

        def news() -> bool:
            return self._newest.get(version.dataset_id, 0) > version.number

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(news)
                return True
        return False

    async def _look(self) -> None:
        async with hub() as nudges:
            while True:
                seen = nudges.count
                try:
                    newest = await _in_thread(partial(_newest, list(self._listeners)))
                except (DatabaseError, InterfaceError) as error:
                    log.warning("continuous streams look again: %s", error)
                    newest = self._newest
                async with self._changed:
                    self._newest = newest
                    self._changed.notify_all()
                # Every event of every job nudges, progress twice a
                # second; what comes within this time is one look.
                await asyncio.sleep(LOOK_AT_MOST_EVERY)
                await nudges.wait(seen, seconds=LOOK_SECONDS)


def _newest(datasets: list[int]) -> dict[int, int]:
    versions = Version.objects.filter(dataset_id__in=datasets).order_by()
    return dict(versions.values_list("dataset_id").annotate(newest=Max("number")))


async def _in_thread(work: Callable[[], Result]) -> Result:
    def run() -> Result:
        try:
            return work()
        finally:
            # The threads of a pool last, and a connection that is left
            # in one is nobody's: no request ends there to close it.
            connection.close()

    return await sync_to_async(run, thread_sensitive=False)()


_watches: dict[asyncio.AbstractEventLoop, _Watch] = {}


def _watch() -> _Watch:
    loop = asyncio.get_running_loop()
    for old in [known for known in _watches if known.is_closed()]:
        del _watches[old]
    return _watches.setdefault(loop, _Watch())
