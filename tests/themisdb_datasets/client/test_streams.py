"""Streams over connections that break: what comes out is what the server would have sent in one piece."""

from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.client.conftest import answer
from tests.themisdb_datasets.conftest import quick_client
from tests.themisdb_datasets.proxy import before, cut, ended
from themisdb_datasets import Client
from themisdb_datasets.client.streams import StreamProgress
from themisdb_datasets.errors import (
    MalformedError,
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


def test_a_cursor_goes_on_in_another_process_life(
    client: Client, query: dict[str, Any], whole: bytes
) -> None:
    with client.stream(query, limit=11) as stream:
        first = b"".join(block.data for block in stream)
        rest = b"".join(block.data for block in client.stream({}, cursor=stream.cursor))
    assert first + rest == whole


def test_keep_alive_lines_of_a_stream_without_an_end_are_no_samples() -> None:
    progress = StreamProgress({"theme": "x"})
    progress.answered(answer(plan="a" * 64, position=0, count=None))
    assert progress.take(b"\n") is None
    assert progress.take(b"{}\n\n\n{}\n\n{") == (b"{}\n{}\n", 2)
    assert not progress.is_complete
