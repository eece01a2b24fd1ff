"""The stream from a real server: as trainers written for ThemisDB take it, slowly, brokenly, and with its memory watched."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from tests.exports.large import NUM_SAMPLES, WORDS, headers
from tests.exports.streams.conftest import anonymous_memory, rests, seconds_worked, stream
from tests.processes import until
from tests.running import Running

MAX_GROWTH = 100 << 20


class ThemisDataset:
    """A trainer's dataset, as the ThemisDB documentation writes it for PyTorch's IterableDataset."""

    def __init__(self, base_url: str, token: str, theme: str, from_date: str, batch_size: int = 32) -> None:
        self.url = f"{base_url}/api/export/jsonl_llm/stream"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.body: dict[str, Any] = {
            "theme": theme,
            "from_date": from_date,
            "batch_size": batch_size,
            "weighting": {"enable_weights": True, "auto_weight_by_freshness": True},
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with requests.post(
            self.url, json=self.body, headers=self.headers, stream=True, timeout=60
        ) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line:
                    sample = json.loads(line)
                    yield {
                        "text": f"### Instruction:\n{sample['instruction']}\n### Response:\n{sample['output']}",
                        "weight": sample.get("weight", 1.0),
                    }


def work_until_it_rests(pid: int) -> float:
    """The processor time that a process still needs until it rests."""
    worked = seconds_worked(pid)
    until(partial(rests, pid), what="it rests")
    return seconds_worked(pid) - worked


@pytest.fixture(scope="module")
def work(live: Running, corpus: dict[str, Any]) -> float:
    """The processor time of one whole stream, read as `stream` asks for it."""
    pid = live.children()["web"]
    worked = seconds_worked(pid)
    with stream(live, **corpus) as response:
        for _ in response.iter_content(1 << 20):
            pass
    return seconds_worked(pid) - worked


def test_a_trainer_written_for_themisdb_runs_unchanged(live: Running) -> None:
    theme = live.known["themes"][0]
    dataset = ThemisDataset(live.url, live.known["token"], theme, from_date="2020-01-01")
    samples = list(dataset)
    assert len(samples) == int(stream(live, **dataset.body).headers["X-Themis-Num-Samples"]) > 100
    assert all("### Response:\n" in sample["text"] and 0 <= sample["weight"] <= 2 for sample in samples)
    assert len({sample["weight"] for sample in samples}) > 10, "freshness weighs"
    assert list(ThemisDataset(live.url, live.known["token"], theme, from_date="2999-01-01")) == []


def test_memory_stays_flat_over_a_large_stream(live: Running, corpus: dict[str, Any]) -> None:
    pid = live.children()["web"]
    assert stream(live, **corpus, limit=2000).content  # what is loaded once is not the stream's
    before = highest = anonymous_memory(pid)
    received = lines = 0
    with stream(live, **corpus) as response:
        for number, piece in enumerate(response.iter_content(256 << 10)):
            received += len(piece)
            lines += piece.count(b"\n")
            if number % 20 == 0:
                highest = max(highest, anonymous_memory(pid))
    assert lines == NUM_SAMPLES
    assert received > NUM_SAMPLES * WORDS
    assert highest - before < MAX_GROWTH, f"it grew by {(highest - before) >> 20} MB"


def test_readers_that_do_not_read_hold_up_nobody_and_no_memory(
    live: Running, corpus: dict[str, Any], work: float
) -> None:
    pid = live.children()["web"]
    before = anonymous_memory(pid)
    stalled = [stream(live, **corpus) for _ in range(12)]
    for _ in range(5):
        assert requests.get(f"{live.url}/api/v1/datasets/", headers=headers(live), timeout=30).ok
    assert work_until_it_rests(pid) < len(stalled) / 2 * work, "little is made that nobody takes"
    grown = anonymous_memory(pid) - before
    with stream(live, **corpus, limit=500) as response:
        assert response.content.count(b"\n") == 500, "another stream gets through"
    for response in stalled:
        response.close()
    assert grown < 2 * MAX_GROWTH, f"12 stalled readers hold {grown >> 20} MB"


def test_work_ends_when_the_client_goes(live: Running, corpus: dict[str, Any], work: float) -> None:
    pid = live.children()["web"]
    for _ in range(5):
        response = stream(live, **corpus)
        next(response.iter_content(1000))
        response.close()
    assert work_until_it_rests(pid) < work, "that of one stream, after five had begun"


def test_a_stream_whose_server_dies_ends_broken_and_goes_on_byte_exactly(
    live: Running, corpus: dict[str, Any]
) -> None:
    web = live.children()["web"]
    response = stream(live, **corpus)
    got = b""
    with pytest.raises(requests.exceptions.RequestException):
        for piece in response.iter_content(64 << 10):
            got += piece
            if len(got) > 5 << 20 and web in live.children().values():
                os.kill(web, signal.SIGKILL)
    complete = got[: got.rfind(b"\n") + 1]
    num_lines = complete.count(b"\n")
    until(live.answers, what="the web server is back")
    cursor = f"{response.headers['X-Themis-Plan']}.{num_lines}"
    rest = stream(live, cursor=cursor, limit=1000)
    assert rest.headers["X-Themis-Cursor"] == cursor
    whole = stream(live, **corpus, limit=num_lines + 1000).content
    goes_on = complete + rest.content == whole  # megabytes that need not be shown where they differ
    assert goes_on
