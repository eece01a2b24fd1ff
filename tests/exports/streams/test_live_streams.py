"""Many streams of a real server: clients that stall or go, a server that is killed, limits, encodings, and their rows."""

import gzip
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
import requests

from tests.exports.large import NUM_SAMPLES, headers
from tests.exports.streams.conftest import STREAM, anonymous_memory, begun, export_of, post, status, stream
from tests.processes import until
from tests.running import Running

NUM_STALLED = 100
NUM_OTHERS = 50
MAX_STREAMS = 64


@pytest.fixture
def new_token(live: Running) -> Callable[[], str]:
    """Tokens, each with limits of its own."""

    def make() -> str:
        body = {"name": "test", "scopes": ["export"]}
        answer = requests.post(f"{live.url}/api/v1/tokens/", json=body, headers=headers(live), timeout=30)
        assert answer.status_code == 201, answer.text
        text: str = answer.json()["token"]
        return text

    return make


def latencies(live: Running) -> list[float]:
    """How long other requests take, sorted."""
    found: list[float] = []
    for _ in range(NUM_OTHERS):
        began = time.perf_counter()
        answer = requests.get(f"{live.url}/api/v1/datasets/", headers=headers(live), timeout=30)
        assert answer.ok
        found.append(time.perf_counter() - began)
    return sorted(found)


@pytest.fixture
def stalled(
    live: Running, corpus: dict[str, Any], new_token: Callable[[], str]
) -> Iterator[list[socket.socket]]:
    """A hundred clients that began to read and stopped."""
    with ExitStack() as stack:
        tokens = [new_token() for _ in range(2)]
        connections = [
            stack.enter_context(closing(post(live, tokens[number % 2], corpus)))
            for number in range(NUM_STALLED)
        ]
        for connection in connections:
            assert begun(connection).startswith("HTTP/1.1 200")
        yield connections


def test_a_hundred_stalled_readers_cost_little_memory_and_hold_up_nobody(
    live: Running, corpus: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    pid = live.children()["web"]
    assert stream(live, **corpus, limit=6000).content  # what is loaded once is not theirs
    usual = latencies(live)
    before = anonymous_memory(pid)
    connections = request.getfixturevalue("stalled")
    time.sleep(1)
    times = latencies(live)
    grown = anonymous_memory(pid) - before
    assert len(connections) == NUM_STALLED
    assert grown < 100 << 20, f"{NUM_STALLED} stalled readers hold {grown >> 20} MB"
    # Most of the others', for a busy machine lets one wait now and then.
    assert times[NUM_OTHERS * 9 // 10] < max(0.2, 5 * usual[NUM_OTHERS * 9 // 10]), (usual, times)
    with stream(live, **corpus, limit=500) as response:
        assert response.content.count(b"\n") == 500


def test_too_many_open_streams_are_refused_until_one_ends(
    live: Running, corpus: dict[str, Any], new_token: Callable[[], str]
) -> None:
    token, other = new_token(), new_token()
    # Not cut off for taking nothing, however long this takes.
    corpus = {**corpus, "stream_mode": "continuous", "start": NUM_SAMPLES - 1}
    with ExitStack() as stack:
        connections: list[socket.socket] = []
        heads: list[str] = []
        for number in (16, 16, 16, MAX_STREAMS - 48 + 3):  # those that have begun keep their places meanwhile
            some = [stack.enter_context(closing(post(live, token, corpus))) for _ in range(number)]
            heads += [begun(connection) for connection in some]
            connections += some
        refused = [head for head in heads if not head.startswith("HTTP/1.1 200")]
        assert len(refused) == 3, "all at once, and none too many"
        assert all(head.startswith("HTTP/1.1 429") for head in refused)
        assert all("\r\nretry-after: " in head.lower() for head in refused)
        with closing(post(live, other, corpus)) as connection:
            assert begun(connection).startswith("HTTP/1.1 200"), "another token has places of its own"
        first = next(n for n, head in enumerate(heads) if head.startswith("HTTP/1.1 200"))
        connections[first].close()
        until(
            lambda: status(live, export_of(heads[first]), token)["status"] == "failed",
            what="the place is free",
        )
        with closing(post(live, token, corpus)) as connection:
            assert begun(connection).startswith("HTTP/1.1 200")


def test_a_stalled_client_is_cut_off_and_its_row_says_so(live: Running, corpus: dict[str, Any]) -> None:
    began = time.monotonic()
    with closing(post(live, live.known["token"], corpus)) as connection:
        export = export_of(begun(connection))
        ended = until(
            lambda: row if (row := status(live, export))["status"] == "failed" else None,
            what="it is cut off",
        )
        assert time.monotonic() - began > 5, "not before the time is over"
        assert ended is not None
        assert "took nothing for too long" in ended["error"]
        tail = b""
        with pytest.raises(ConnectionResetError):
            while more := connection.recv(1 << 20):
                tail = more[-8:]
        assert not tail.endswith(b"0\r\n\r\n")


def test_a_slow_client_is_not_cut_off(live: Running, corpus: dict[str, Any]) -> None:
    with closing(post(live, live.known["token"], corpus)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        export = export_of(begun(connection))
        end = time.monotonic() + 11  # more than the time of a stall
        while time.monotonic() < end:
            assert connection.recv(32 << 10)
            time.sleep(0.05)
        assert status(live, export)["status"] == "in_progress"


def test_a_stream_that_fails_in_the_middle_breaks_off_and_its_row_says_why(
    live: Running, corpus: dict[str, Any]
) -> None:
    shards = (live.data / "storage" / "shards").glob("*/*")
    spans = max(shards, key=lambda shard: (shard / "samples.jsonl").stat().st_size) / "index" / "spans.bin"
    with spans.open("r+b") as file:
        last = spans.stat().st_size // NUM_SAMPLES * (NUM_SAMPLES - 1)
        file.seek(last)
        sound = file.read()
        file.seek(last)
        file.write(b"\xff" * len(sound))  # a place far behind the end of the samples
        file.flush()
        try:
            response = stream(live, **corpus)
            received = 0
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for piece in response.iter_content(1 << 20):
                    received += len(piece)
        finally:
            file.seek(last)
            file.write(sound)
    assert received > 100 << 20
    row = status(live, response.headers["X-Themis-Export"])
    assert row["status"] == "failed"
    assert 0 < row["records_processed"] < NUM_SAMPLES
    assert row["error"]
    assert "went away" not in row["error"]


def test_the_row_of_a_client_that_goes_is_freed_at_once(live: Running, corpus: dict[str, Any]) -> None:
    connection = post(live, live.known["token"], corpus)
    export = export_of(begun(connection))
    assert status(live, export)["status"] == "in_progress"
    connection.close()
    row = until(lambda: row if (row := status(live, export))["status"] == "failed" else None, what="freed")
    assert row is not None
    assert "went away" in row["error"]


def test_progress_is_told_while_a_stream_runs(live: Running, corpus: dict[str, Any]) -> None:
    with stream(live, **corpus) as response:
        export = response.headers["X-Themis-Export"]
        pieces = response.iter_content(1 << 20)
        for _ in range(30):
            next(pieces)
        row = until(
            lambda: row if (row := status(live, export))["records_processed"] else None,
            what="progress",
        )
        assert row is not None
        assert row["status"] == "in_progress"
        assert 0 < row["progress"] < 1
        for _ in pieces:
            pass
    row = status(live, export)
    assert (row["status"], row["progress"], row["error"]) == ("completed", 1.0, None)
    assert row["records_processed"] == row["records_total"] == int(response.headers["X-Themis-Num-Samples"])


def test_a_killed_server_frees_the_streams_it_sent(
    live: Running, corpus: dict[str, Any], new_token: Callable[[], str]
) -> None:
    token = new_token()

    def failed(export: str) -> dict[str, Any] | None:
        row = status(live, export, token)
        return row if row["status"] == "failed" else None

    with ExitStack() as stack:
        connections = [stack.enter_context(closing(post(live, token, corpus))) for _ in range(3)]
        exports = [export_of(begun(connection)) for connection in connections]
        web = live.children()["web"]
        os.kill(web, signal.SIGKILL)
        until(lambda: live.children().get("web") not in (None, web) and live.answers(), what="it is back")
        for export in exports:
            row = until(partial(failed, export), what="the lease has run out")
            assert row is not None
            assert "server that sent it stopped" in row["error"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_compressed_stream_is_the_same_data_and_its_first_line_does_not_wait(
    live: Running, corpus: dict[str, Any], encoding: str
) -> None:
    body = {**corpus, "limit": 3000}
    plain = stream(live, **body).content
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    fields = {**headers(live), "Content-Type": "application/json", "Accept-Encoding": encoding}
    connection.request("POST", STREAM, json.dumps(body), fields)
    response = connection.getresponse()
    assert response.getheader("Content-Encoding") == encoding
    assert "Accept-Encoding" in (response.getheader("Vary") or "")
    first = response.read1(1 << 20)
    with pa.CompressedInputStream(pa.BufferReader(first), encoding) as reader:
        assert reader.read(1000) == plain[:1000]
    sent = first + response.read()
    connection.close()
    assert len(sent) < len(plain) / 1.5
    if encoding == "gzip":
        assert gzip.decompress(sent) == plain
    else:
        with pa.CompressedInputStream(pa.BufferReader(sent), encoding) as reader:
            assert reader.read() == plain


def test_a_usual_client_reads_what_is_compressed_and_resumes_by_its_decoded_lines(
    live: Running, corpus: dict[str, Any]
) -> None:
    response = stream(live, **corpus, limit=300)
    assert response.headers["Content-Encoding"] == "gzip", "requests accepts it by itself"
    lines = list(response.iter_lines())
    assert len(lines) == 300
    cursor = f"{response.headers['X-Themis-Plan']}.100"
    assert list(stream(live, cursor=cursor, limit=200).iter_lines()) == lines[100:]
    dry = requests.post(
        f"{live.url}{STREAM}", json={**corpus, "dry_run": True}, headers=headers(live), timeout=60
    )
    assert "Content-Encoding" not in dry.headers


def test_a_stream_is_offered_as_a_file_too(live: Running) -> None:
    theme = live.known["themes"][0]
    answer = requests.post(
        f"{live.url}/api/export/jsonl_llm", json={"theme": theme}, headers=headers(live), timeout=60
    )
    export = answer.headers["X-Themis-Export"]
    assert f'filename="export_{export}_' in answer.headers["Content-Disposition"]
    assert answer.content == stream(live, theme=theme).content
