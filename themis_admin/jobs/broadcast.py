"""One Redis subscription a web process, whose nudges wake all sockets of that process."""

import asyncio
import logging
from contextlib import suppress

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from themis_admin.jobs.events import CHANNEL

RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


# A number instead of a flag closes the race between looking and waiting: a listener
# notes the count, asks the database, and then waits for a count that is higher. A
# nudge that came while it asked has raised the count, so it does not sleep.
class Hub:
    """Counts nudges; whoever waits is woken by the next one. Belongs to one event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Condition()
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Hub":
        """Listen while at least one socket is open."""
        self._listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listeners -= 1
        if not self._listeners and self._task is not None:
            task, self._task = self._task, None
            # Until Python 3.12 asyncio.wait_for, by which redis sends, loses a cancellation that comes just as it ends.
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=RETRY_SECONDS)

    async def wait(self, seen: int, *, seconds: float) -> None:
        """Return once there was a nudge after the `seen`-th, or after some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.count > seen)

    async def _ring(self) -> None:
        async with self._changed:
            self.count += 1
            self._changed.notify_all()

    async def _listen(self) -> None:
        while True:
            # A new client for each attempt, so that nothing is left of a connection that broke. One that is
            # dead without having been closed only delays: whoever waits looks by itself every few seconds.
            client = redis.asyncio.Redis.from_url(settings.THEMIS.redis_url, health_check_interval=10)
            try:
                async with client.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    await self._ring()  # what came before the subscription
                    async for _ in subscription.listen():
                        await self._ring()
            except (RedisError, OSError) as error:
                log.warning("events are delayed, Redis does not answer: %s", error)
            finally:
                await client.aclose()
            await asyncio.sleep(RETRY_SECONDS)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop; a server has one."""
    # An asyncio.Condition belongs to the loop in which it is first waited for. A server has one loop; tests
    # have one after the other, so hubs of closed ones are dropped.
    loop = asyncio.get_running_loop()
    for old in [known for known in _hubs if known.is_closed()]:
        del _hubs[old]
    return _hubs.setdefault(loop, Hub())
