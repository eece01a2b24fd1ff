"""Streams over connections that break: what comes out is what the server would have sent in one piece."""

import socket
from typing import Any

import httpx
import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import QUICK, quick_client
from tests.themisdb_datasets.proxy import before, cut, ended
from themisdb_datasets import Backoff, Client
from themisdb_datasets.client.streams import StreamProgress
from themisdb_datasets.errors import (
    AuthError,
    ConnectionLostError,
    CorruptError,
    MalformedError,
    PlanChangedError,
)


def test_a_stream_is_what_the_server_sends(client: Client, query: dict[str, Any], whole: bytes) -> None:
    with client.stream(query) as stream:
        lines = b"".join(block.data for block in stream)
        assert lines == whole
        assert stream.num_samples == whole.count(b"\n")
        assert stream.cursor == f"{stream.plan}.{stream.num_samples}"


def test_it_goes_on_byte_for_byte_however_often_it_breaks(
    live: Running, query: dict[str, Any], whole: bytes
) -> None:
    size = len(whole)
    cuts = [0, 10, 900, size // 7, size // 3, 1100, size // 4]
    with before(live.port, *map(cut, cuts)) as proxy, quick_client(proxy, live) as client:
        stream = client.stream(query)
        got = []
        for block in stream:
            got.append(block.data)
            assert block.num_lines == block.data.count(b"\n")
            at = b"".join(got).count(b"\n")
            assert stream.cursor == f"{stream.plan}.{at}"
        assert b"".join(got) == whole
        assert len(proxy.requests) == 8


def test_ranks_go_on_too(live: Running, query: dict[str, Any], whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    shares = []
    for rank in range(3):
        cuts = [cut(1500), ended(len(whole) // 9)]
        with before(live.port, *cuts) as proxy, quick_client(proxy, live) as client:
            stream = client.stream(query, rank=rank, world_size=3, drop_last=True)
            shares.append(b"".join(block.data for block in stream).splitlines(keepends=True))
            assert len(proxy.requests) == 3
    each = len(lines) // 3
    assert shares == [lines[rank : 3 * each : 3] for rank in range(3)]


def test_a_rank_without_its_world_is_refused_and_not_taken_for_all(
    client: Client, query: dict[str, Any]
) -> None:
    for rank, world_size in ((3, 1), (0, 0), (-1, 2)):
        with pytest.raises(MalformedError, match=r"rank|world_size"):
            next(client.stream(query, rank=rank, world_size=world_size))


def test_a_limit_holds_over_all_connections(live: Running, query: dict[str, Any], whole: bytes) -> None:
    with before(live.port, cut(2000)) as proxy, quick_client(proxy, live) as client:
        lines = b"".join(block.data for block in client.stream({**query, "limit": 40}))
        assert lines == b"".join(whole.splitlines(keepends=True)[:40])


def test_a_cursor_goes_on_in_another_process_life(
    client: Client, query: dict[str, Any], whole: bytes
) -> None:
    with client.stream(query, limit=11) as stream:
        first = b"".join(block.data for block in stream)
        rest = b"".join(block.data for block in client.stream({}, cursor=stream.cursor))
    assert first + rest == whole


def test_what_is_refused_is_not_tried_again(live: Running, query: dict[str, Any]) -> None:
    with before(live.port) as proxy, Client(proxy.url, "themis_wrong", backoff=QUICK) as client:
        with pytest.raises(AuthError):
            next(client.stream(query))
        assert len(proxy.requests) == 1
    with Client(live.url, live.known["token"]) as client:
        with pytest.raises(MalformedError) as caught:
            client.plan({"theme": "No such theme"})
        assert "No such theme" in caught.value.message
        assert caught.value.code


def test_a_server_that_is_not_there_is_given_up_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    backoff = Backoff(shortest=0.01, longest=0.02, first_patience=0.05)
    with Client(f"http://127.0.0.1:{port}", "themis_x", backoff=backoff) as client:
        with pytest.raises(ConnectionLostError):
            next(client.stream({"theme": "x"}))
        with pytest.raises(ConnectionLostError):
            client.get("datasets/")


def test_another_plan_is_refused() -> None:
    progress = StreamProgress({"theme": "x"})
    progress.answered(answer(plan="a" * 64, position=0, count=3))
    assert progress.take(b"{}\n{") == (b"{}\n", 1)
    assert progress.request() == {"cursor": f"{'a' * 64}.1", "limit": 2}
    with pytest.raises(PlanChangedError):
        progress.answered(answer(plan="b" * 64, position=1, count=2))
    with pytest.raises(PlanChangedError):
        progress.answered(answer(plan="a" * 64, position=1, count=1))
    progress.answered(answer(plan="a" * 64, position=1, count=2))
    assert progress.take(b"[]\n[]\n") == (b"[]\n[]\n", 2)
    assert progress.is_complete


def test_more_lines_than_were_promised_are_refused() -> None:
    progress = StreamProgress({"theme": "x"})
    progress.answered(answer(plan="a" * 64, position=0, count=1))
    with pytest.raises(CorruptError):
        progress.take(b"{}\n{}\n")


def test_keep_alive_lines_of_a_stream_without_an_end_are_no_samples() -> None:
    progress = StreamProgress({"theme": "x"})
    progress.answered(answer(plan="a" * 64, position=0, count=None))
    assert progress.take(b"\n") is None
    assert progress.take(b"{}\n\n\n{}\n\n{") == (b"{}\n{}\n", 2)
    assert not progress.is_complete


def answer(*, plan: str, position: int, count: int | None) -> httpx.Headers:
    headers = {"X-Themis-Plan": plan, "X-Themis-Version": "v", "X-Themis-Cursor": f"{plan}.{position}"}
    return httpx.Headers(headers if count is None else {**headers, "X-Themis-Num-Samples": str(count)})


def test_lists_are_read_page_by_page(client: Client) -> None:
    themes = list(client.pages("themes/", page_size=1))
    assert len(themes) > 1
    assert [theme["id"] for theme in themes] == [theme["id"] for theme in client.pages("themes/")]
