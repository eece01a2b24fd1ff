"""The client on asyncio: the same bytes through the same breaks, many streams at once, and nothing left open."""

import asyncio
import pickle
from typing import Any

import httpx
import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import QUICK
from tests.themisdb_datasets.proxy import (
    Proxy,
    before,
    closed_early,
    cut,
    ended,
    refused,
    rewritten,
    stalled,
    trickled,
)
from themisdb_datasets import AsyncClient, Backoff, Client
from themisdb_datasets.errors import (
    AuthError,
    ConnectionLostError,
    CorruptError,
    MalformedError,
    PlanChangedError,
)


def quick_client(proxy: Proxy, live: Running, **options: Any) -> AsyncClient:
    return AsyncClient(proxy.url, live.known["token"], **{"backoff": QUICK, **options})


async def read(client: AsyncClient, query: dict[str, Any], **more: Any) -> bytes:
    return b"".join([block.data async for block in client.stream(query, **more)])


async def test_it_answers_as_the_other_client_does(
    live: Running, client: Client, query: dict[str, Any]
) -> None:
    async with AsyncClient(live.url, live.known["token"]) as other:
        assert await other.get("datasets/") == client.get("datasets/")
        names = [theme["name"] async for theme in other.pages("themes/", page_size=1)]
        assert names == [theme["name"] for theme in client.pages("themes/")]
        assert await other.plan(query) == client.plan(query)
        with pytest.raises(MalformedError, match="No such theme"):
            await other.plan({"theme": "No such theme"})
        made = await other.post("datasets/", {"name": "Made by the asynchronous client"})
        await other.delete(made["url"])
        dataset = next(each for each in client.pages("datasets/") if each["name"] == live.known["dataset"])
        seen: list[str] = []
        answer = await other.post("snapshots/", {"version": dataset["latest"]["id"]})
        done = await other.wait(answer["job"], report=lambda job: seen.append(job["state"]))
        assert done["state"] == seen[-1] == "succeeded"
    async with AsyncClient(live.url, "thm_wrong") as stranger:
        with pytest.raises(AuthError):
            await stranger.get("datasets/")


async def test_streams_side_by_side_are_what_the_server_sends(
    live: Running, query: dict[str, Any], whole: bytes
) -> None:
    async with AsyncClient(live.url, live.known["token"]) as client:
        everything, *shares = await asyncio.gather(
            read(client, query), *(read(client, query, rank=rank, world_size=4) for rank in range(4))
        )
        assert everything == whole
        lines = whole.splitlines(keepends=True)
        padded = [*lines, *lines[: -len(lines) % 4]]
        assert shares == [b"".join(padded[rank::4]) for rank in range(4)]


async def test_it_goes_on_through_every_break(live: Running, query: dict[str, Any], whole: bytes) -> None:
    size = len(whole)
    faults = [
        refused(503),
        cut(0),
        cut(50_000),
        refused(429),
        ended(size // 5),
        closed_early(size // 7),
        stalled(size // 9),
        refused(502, b"<html>"),
        cut(900),
    ]
    timeout = httpx.Timeout(5, read=0.5)
    with before(live.port, *faults) as proxy:
        async with quick_client(proxy, live, timeout=timeout) as client, client.stream(query) as stream:
            got = []
            async for block in stream:
                got.append(block.data)
                assert stream.cursor == f"{stream.plan}.{b''.join(got).count(10)}"
            assert b"".join(got) == whole
            assert stream.num_samples == whole.count(b"\n")
        assert len(proxy.requests) > len(faults)


async def test_another_plan_and_lines_too_many_are_refused(live: Running, query: dict[str, Any]) -> None:
    with before(
        live.port, cut(20_000), rewritten(b"x-themis-version: ", b"x-themis-plan: 0\r\nx-other: ")
    ) as proxy:
        async with quick_client(proxy, live) as client:
            with pytest.raises((PlanChangedError, MalformedError)):
                await read(client, query)
    fewer = rewritten(b"x-themis-num-samples: 7", b"x-themis-num-samples: 3")
    with before(live.port, fewer) as proxy:
        async with quick_client(proxy, live) as client:
            with pytest.raises(CorruptError):
                await read(client, query, limit=7)


async def test_a_stream_can_be_left_at_any_time(live: Running, query: dict[str, Any], whole: bytes) -> None:
    with before(live.port, stalled(4000)) as proxy:
        async with quick_client(proxy, live) as client:
            stream = client.stream(query)
            await anext(stream)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await read_all(stream)
            await stream.aclose()
            # It was cancelled while it waited, and goes on behind the last line that came out.
            at = int(stream.cursor.rpartition(".")[2])
            rest = b"".join([block.data async for block in stream])
            assert rest == b"".join(whole.splitlines(keepends=True)[at:])


async def read_all(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_what_it_will_send_is_known_before_the_first_line(live: Running, query: dict[str, Any]) -> None:
    async with AsyncClient(live.url, live.known["token"]) as client:
        plan = await client.plan(query)
        async with client.stream(query) as stream:
            assert stream.plan == ""
            await stream.opened()
            assert (stream.plan, stream.version, stream.num_samples) == (
                plan.digest,
                plan.version,
                plan.num_samples,
            )
            assert stream.cursor == plan.cursor


async def test_a_server_that_is_not_there_is_given_up(live: Running) -> None:
    with before(live.port, *[cut(0)] * 50) as proxy:
        patience = type(QUICK)(shortest=0.01, longest=0.02, first_patience=0.05)
        async with quick_client(proxy, live, backoff=patience) as client:
            with pytest.raises(ConnectionLostError):
                await client.get("datasets/")
            with pytest.raises(ConnectionLostError):
                await read(client, {"theme": "x"})


def test_it_may_go_from_one_event_loop_to_another(live: Running) -> None:
    client = AsyncClient(live.url, live.known["token"])

    async def names() -> list[str]:
        return [each["name"] async for each in client.pages("datasets/")]

    async def last() -> list[str]:
        async with client:
            return await names()

    assert asyncio.run(names()) == asyncio.run(names()) == asyncio.run(last()) == asyncio.run(names())
    client = pickle.loads(pickle.dumps(client))
    assert asyncio.run(names())


def test_an_answer_that_comes_for_ever_is_given_up_by_both(live: Running) -> None:
    impatient = Backoff(patience=0.2)
    with before(live.port, *[trickled] * 4) as proxy:
        with Client(proxy.url, live.known["token"], backoff=impatient) as client:
            with pytest.raises(ConnectionLostError, match="not whole"):
                client.get("datasets/")
            with pytest.raises(ConnectionLostError, match="not whole"):
                client.plan({})

        async def ask() -> None:
            async with AsyncClient(proxy.url, live.known["token"], backoff=impatient) as other:
                await other.get("datasets/")

        with pytest.raises(ConnectionLostError, match="not whole"):
            asyncio.run(ask())


def test_another_service_at_the_address_is_told_as_that(live: Running) -> None:
    with before(live.port, *[refused(200, b"{}"), refused(200, b"[1]")] * 3) as proxy:
        client = Client(proxy.url, live.known["token"], backoff=QUICK)
        for _ in range(2):
            with pytest.raises(MalformedError, match="no Themis"):
                next(client.pages("datasets/"))
        for _ in range(2):
            with pytest.raises(MalformedError, match="no Themis"):
                client.plan({})
        with pytest.raises(MalformedError, match="no Themis"):
            client.wait({"url": "/api/v1/jobs/1/"})
