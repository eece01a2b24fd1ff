"""Continuous streams of a real server: what later versions add comes as it is published, once, and resumes."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests

from tests.exports.large import headers
from tests.exports.streams.conftest import (
    STREAM,
    begun,
    export_of,
    post,
    rests,
    seconds_worked,
    status,
    stream,
)
from tests.processes import until
from tests.running import Running

_names = count()


@dataclass
class Growing:
    """A dataset that gets new versions while it is streamed."""

    live: Running
    name: str
    pk: int

    def publish(self, *numbers: int, mode: str = "append") -> float:
        """Make a version with these samples; when it was published, on the clock of `time.time`."""
        path = self.live.data.parent / f"growing-{next(_names)}.jsonl"
        samples = ({"id": n, "even": n % 2 == 0, "content": f"sample {n}"} for n in numbers)
        path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
        url = f"{self.live.url}/api/v1/datasets/{self.pk}/versions/"
        body = {"path": str(path), "mode": mode}
        answer = requests.post(url, json=body, headers=headers(self.live), timeout=30)
        assert answer.status_code == 202, answer.text
        job = answer.json()["job"]["url"]

        def ended() -> dict[str, Any] | None:
            row: dict[str, Any] = requests.get(
                f"{self.live.url}{job}", headers=headers(self.live), timeout=30
            ).json()
            return row if row["state"] not in ("queued", "running") else None

        row = until(ended, what="the version is published")
        assert row is not None
        assert row["state"] == "succeeded", row
        path.unlink()
        return time.time()

    def stream(self, **body: Any) -> requests.Response:
        fields = (
            {} if "cursor" in body else {"dataset": self.name, "format": "raw", "stream_mode": "continuous"}
        )
        return stream(self.live, **fields, **body)


@pytest.fixture
def growing(live: Running) -> Growing:
    name = f"Growing {next(_names)}"
    answer = requests.post(
        f"{live.url}/api/v1/datasets/", json={"name": name}, headers=headers(live), timeout=30
    )
    made = Growing(live, name, answer.json()["id"])
    made.publish(0, 1, 2, 3)
    return made


def ids(lines: Iterator[bytes], number: int) -> list[int]:
    """The next samples; blank lines are there to keep the connection alive."""
    found: list[int] = []
    while len(found) < number:
        if line := next(lines):
            found.append(json.loads(line)["id"])
    return found


def num_threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def has_failed(live: Running, export: str) -> bool:
    return bool(status(live, export)["status"] == "failed")


def lines_of(response: requests.Response) -> Iterator[bytes]:
    return iter(response.iter_lines(chunk_size=1))


def test_what_is_published_comes_within_two_seconds_in_order_and_once(growing: Growing) -> None:
    with growing.stream() as response:
        assert "X-Themis-Num-Samples" not in response.headers
        lines = lines_of(response)
        assert ids(lines, 4) == [0, 1, 2, 3]
        late = []
        for added in ([4, 5], [6], [7, 8, 2]):
            published = growing.publish(*added)
            assert ids(lines, len(added)) == added
            late.append(time.time() - published)
        assert min(late) < 2, "a machine that is busy for a moment may be later once"
        growing.publish(9, 8, 20, 0, 21, mode="replace")
        assert ids(lines, 3) == [9, 20, 21], "what the version before did not have"
        growing.publish(22)
        assert ids(lines, 1) == [22]
        assert next(lines) == b"", "then it is kept alive"
        row = status(growing.live, response.headers["X-Themis-Export"])
        assert (row["status"], row["records_total"], row["progress"]) == ("in_progress", None, None)


def test_a_cursor_goes_on_among_later_versions_also_after_the_server_was_killed(growing: Growing) -> None:
    with growing.stream(limit=4) as response:
        plan = response.headers["X-Themis-Plan"]
        assert ids(lines_of(response), 4) == [0, 1, 2, 3]
    growing.publish(4, 5)
    growing.publish(6, 7, 8)
    growing.publish(30, 7, 31, mode="replace")
    whole = [0, 1, 2, 3, 4, 5, 6, 7, 8, 30, 31]
    web = growing.live.children()["web"]
    os.kill(web, signal.SIGKILL)
    until(
        lambda: growing.live.children().get("web") not in (None, web) and growing.live.answers(), what="back"
    )
    for position in (0, 3, 4, 5, 7, 9, 10):
        with growing.stream(cursor=f"{plan}.{position}", limit=len(whole) - position) as response:
            got = [json.loads(line)["id"] for line in response.iter_lines() if line]
            assert got == whole[position:], position
            assert response.headers["X-Themis-Num-Samples"] == str(len(got))
    with growing.stream(cursor=f"{plan}.11") as response:
        growing.publish(32)
        assert ids(lines_of(response), 1) == [32]
    url = f"{growing.live.url}/api/export/jsonl_llm/stream"
    answer = requests.post(url, json={"cursor": f"{plan}.13"}, headers=headers(growing.live), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (422, "past_the_end")


def test_ranks_share_what_is_added(growing: Growing) -> None:
    ranks = [growing.stream(rank=rank, world_size=2, start=1) for rank in range(2)]
    lines = [lines_of(response) for response in ranks]
    assert [ids(lines[0], 2), ids(lines[1], 1)] == [[1, 3], [2]]
    growing.publish(4, 5, 6, 7)
    growing.publish(8)
    assert [ids(lines[0], 2), ids(lines[1], 3)] == [[5, 7], [4, 6, 8]]
    for response in ranks:
        response.close()


def test_equal_versions_have_continuations_of_their_own(growing: Growing) -> None:
    growing.publish(4, mode="replace")
    growing.publish(0, 1, 2, 3, mode="replace")
    first = growing.stream(version=1, limit=9)
    third = growing.stream(version=3, limit=5)
    assert first.headers["X-Themis-Version"] == third.headers["X-Themis-Version"]
    assert first.headers["X-Themis-Plan"] != third.headers["X-Themis-Plan"]
    growing.publish(5)
    assert ids(lines_of(first), 5) == [0, 1, 2, 3, 4]
    assert ids(lines_of(third), 5) == [0, 1, 2, 3, 5]
    first.close()


def test_a_gone_client_frees_all_though_nothing_is_sent(growing: Growing) -> None:
    live = growing.live
    body = {"dataset": growing.name, "format": "raw", "stream_mode": "continuous"}
    connections = [post(live, live.known["token"], body) for _ in range(20)]
    exports = [export_of(begun(connection)) for connection in connections]
    pid = live.children()["web"]
    threads = num_threads(pid)
    for connection in connections:
        connection.close()
    for export in exports:
        until(partial(has_failed, live, export), what="freed")
    until(lambda: num_threads(pid) <= threads + 5, what="their threads have ended")
    until(partial(rests, pid), what="nobody is waited for")


def test_waiting_costs_less_than_asking(growing: Growing) -> None:
    """Fifty streams that wait a second, and are kept alive in it, need less than a hundred small requests."""
    live = growing.live
    pid = live.children()["web"]
    worked = seconds_worked(pid)
    for _ in range(100):
        assert requests.get(f"{live.url}/api/v1/datasets/{growing.pk}/", headers=headers(live), timeout=30).ok
    asking = seconds_worked(pid) - worked
    body = {"dataset": growing.name, "format": "raw", "stream_mode": "continuous", "start": 4}
    connections = [post(live, live.known["token"], body) for _ in range(50)]
    for connection in connections:
        begun(connection)
    time.sleep(1)
    worked = seconds_worked(pid)
    time.sleep(3)
    used = (seconds_worked(pid) - worked) / 3
    growing.publish(4)
    for connection in connections:
        got = b""
        while b'"id"' not in got:
            got += connection.recv(4096)
        connection.close()
    assert used < asking, f"50 waiting streams use {used:.0%} of a processor"


def test_a_revoked_token_ends_the_stream(growing: Growing) -> None:
    live = growing.live
    made = requests.post(
        f"{live.url}/api/v1/tokens/",
        json={"name": "t", "scopes": ["export"]},
        headers=headers(live),
        timeout=30,
    ).json()
    body = {"dataset": growing.name, "format": "raw", "stream_mode": "continuous"}
    with closing(post(live, made["token"], body)) as connection:
        export = export_of(begun(connection))
        assert (
            requests.delete(f"{live.url}{made['url']}", headers=headers(live), timeout=30).status_code == 204
        )
        tail = b""
        while more := connection.recv(4096):
            tail = (tail + more)[-8:]
        assert not tail.endswith(b"0\r\n\r\n"), "it is broken off"
        row = until(
            lambda: row if (row := status(live, export))["status"] == "failed" else None,
            what="ended",
        )
        assert row is not None
        assert "revoked" in row["error"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_added_can_be_decoded_when_it_comes(growing: Growing, encoding: str) -> None:
    live = growing.live
    body = {"dataset": growing.name, "format": "raw", "stream_mode": "continuous", "limit": 6}
    fields = {**headers(live), "Content-Type": "application/json", "Accept-Encoding": encoding}
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)) as connection:
        connection.request("POST", STREAM, json.dumps(body), fields)
        response = connection.getresponse()
        got = response.read1(4096)
        assert decoded(got, encoding, 4) == [0, 1, 2, 3], "before there is more"
        growing.publish(4, 5)
        got += response.read()
        assert decoded(got, encoding, 6) == [0, 1, 2, 3, 4, 5]


def decoded(sent: bytes, encoding: str, number: int) -> list[int]:
    """The first samples of compressed lines, which may have no end yet."""
    with pa.CompressedInputStream(pa.BufferReader(sent), encoding) as reader:
        text = b""
        while text.count(b'"id"') < number or not text.endswith(b"\n"):
            text += reader.read(1)
    return [json.loads(line)["id"] for line in text.splitlines() if line]
