"""What both clients do, as steps: a function says what comes next, and whoever takes its steps says how one waits."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

import httpx

Result = TypeVar("Result")
Answer = httpx.Response | httpx.RequestError
Steps = Generator["Ask | Fetch | Sleep | Work | Aside", Any, Result]


@dataclass(frozen=True)
class Ask:
    """A request; what comes of it is an Answer, read to its end within so many seconds of its beginning."""

    method: str
    url: str
    options: dict[str, Any] = field(default_factory=dict)
    within: float = 300.0


@dataclass(frozen=True)
class Fetch:
    """A long answer: `check` may refuse it, `put` gets its bytes; one that is an error is read, and is the Answer."""

    url: str
    headers: dict[str, str]
    check: Callable[[httpx.Response], None]
    put: Callable[[bytes], None]


@dataclass(frozen=True)
class Sleep:
    """So many seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """What keeps the disk or the processor busy for a while; what comes of it is its result."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Aside:
    """Several, `at_once` of them side by side; `stop` is told as soon as one fails, or none is wanted any more."""

    several: Sequence[Steps[None]]
    at_once: int
    stop: Callable[[], None]
    wait: Callable[[float], object]  # in place of sleeping, so that `stop` ends it


class TooSlowError(httpx.ReadTimeout):
    """An answer that began, and did not end in its time."""


def take(http: httpx.Client, steps: Steps[Result], *, wait: Callable[[float], object] = time.sleep) -> Result:
    """Take these steps in this thread."""
    came: Any = None
    with closing(steps):
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                result: Result = end.value
                return result
            came = None
            try:
                if isinstance(step, Ask):
                    came = _ask(http, step)
                elif isinstance(step, Fetch):
                    came = _fetch(http, step)
                elif isinstance(step, Sleep):
                    wait(step.seconds)
                elif isinstance(step, Work):
                    came = step.function()
                else:
                    _aside(http, step)
            except httpx.RequestError as broken:
                came = broken


def _ask(http: httpx.Client, step: Ask) -> httpx.Response:
    with http.stream(step.method, step.url, **step.options) as response:
        late = time.monotonic() + step.within
        parts = []
        for data in response.iter_raw():
            parts.append(data)
            if time.monotonic() > late:
                raise _too_slow(step)
    return _whole(response, parts)


def _fetch(http: httpx.Client, step: Fetch) -> httpx.Response:
    with http.stream("GET", step.url, headers=step.headers) as response:
        if not response.is_success:
            response.read()
            return response
        step.check(response)
        for data in response.iter_raw():
            step.put(data)
    return response


def _aside(http: httpx.Client, step: Aside) -> None:
    """In threads that nobody waits for once one failed or somebody pressed Ctrl-C, for a silent server holds them long."""
    left, taking = iter(step.several), threading.Lock()
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            while True:
                with taking:
                    each = next(left, None)
                if each is None:
                    return ended.put(None)
                take(http, each, wait=step.wait)
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            ended.put(error)

    num_threads = min(step.at_once, len(step.several))
    for _ in range(num_threads):
        threading.Thread(target=work, name="themis-download", daemon=True).start()
    try:
        for _ in range(num_threads):
            if (error := ended.get()) is not None:
                raise error
    finally:
        step.stop()


async def take_async(http: httpx.AsyncClient, steps: Steps[Result]) -> Result:
    """Take these steps on the event loop; what is `Work` goes into a thread."""
    came: Any = None
    with closing(steps):
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                result: Result = end.value
                return result
            came = None
            try:
                if isinstance(step, Ask):
                    came = await _ask_async(http, step)
                elif isinstance(step, Fetch):
                    came = await _fetch_async(http, step)
                elif isinstance(step, Sleep):
                    await asyncio.sleep(step.seconds)
                elif isinstance(step, Work):
                    came = await asyncio.to_thread(step.function)
                else:
                    await _aside_async(http, step)
            except httpx.RequestError as broken:
                came = broken


async def _ask_async(http: httpx.AsyncClient, step: Ask) -> httpx.Response:
    async with http.stream(step.method, step.url, **step.options) as response:
        try:
            async with asyncio.timeout(step.within):
                return _whole(response, [data async for data in response.aiter_raw()])
        except TimeoutError:
            raise _too_slow(step) from None


async def _fetch_async(http: httpx.AsyncClient, step: Fetch) -> httpx.Response:
    async with http.stream("GET", step.url, headers=step.headers) as response:
        if not response.is_success:
            await response.aread()
            return response
        step.check(response)
        async for data in response.aiter_raw():
            step.put(data)
    return response


async def _aside_async(http: httpx.AsyncClient, step: Aside) -> None:
    left = iter(step.several)

    async def work() -> None:
        for each in left:
            await take_async(http, each)

    tasks = [asyncio.create_task(work()) for _ in range(min(step.at_once, len(step.several)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        step.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _whole(response: httpx.Response, parts: list[bytes]) -> httpx.Response:
    return httpx.Response(
        response.status_code, headers=response.headers, content=b"".join(parts), request=response.request
    )


def _too_slow(step: Ask) -> TooSlowError:
    return TooSlowError(f"its answer was not whole after {step.within:.0f} seconds")
