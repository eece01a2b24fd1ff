"""Streams through a proxy that breaks every promise: stalls, lies, dribbles, refuses, and ends early or never."""

import os
import signal
import time
from typing import Any

import httpx
import pytest

from tests.processes import until
from tests.running import Running
from tests.themisdb_datasets.client.conftest import read
from tests.themisdb_datasets.conftest import QUICK, quick_client
from tests.themisdb_datasets.proxy import (
    before,
    closed_early,
    cut,
    dribbled,
    ended,
    refused,
    rewritten,
    stalled,
)
from themisdb_datasets import Backoff, Client
from themisdb_datasets.errors import (
    ConnectionLostError,
    CorruptError,
    MalformedError,
    PlanChangedError,
)

IMPATIENT = Backoff(shortest=0.01, longest=0.02, patience=0.3, first_patience=0.3)
FEW = 3  # lines of a stream that is cut at every byte


def test_it_goes_on_from_a_cut_at_any_byte(live: Running, query: dict[str, Any], whole: bytes) -> None:
    lines = b"".join(whole.splitlines(keepends=True)[:FEW])
    with before(live.port) as proxy, quick_client(proxy, live) as client:
        assert read(client, query, limit=FEW) == lines
        for first in range(0, 2 * len(lines), 131):
            # Each attempt is cut a little later, so that in the end all bytes have been a last one.
            proxy.requests.clear()
            proxy.faults.extend([cut(first), ended(first + 67), cut(first + 131)])
            assert read(client, query, limit=FEW) == lines, f"cut after {first} bytes"
            proxy.faults.clear()


def test_lines_in_the_smallest_pieces_are_the_same_lines(
    live: Running, query: dict[str, Any], whole: bytes
) -> None:
    with before(live.port, dribbled(1)) as proxy, quick_client(proxy, live) as client:
        assert read(client, query, limit=FEW) == b"".join(whole.splitlines(keepends=True)[:FEW])
        assert len(proxy.requests) == 1


def test_a_stream_that_ends_early_as_if_it_were_whole_goes_on(
    live: Running, query: dict[str, Any], whole: bytes
) -> None:
    at_a_line = whole.index(b"\n", len(whole) // 3) + 1
    with (
        before(live.port, closed_early(at_a_line), closed_early(at_a_line + 5)) as proxy,
        quick_client(proxy, live) as client,
    ):
        assert read(client, query) == whole
        assert len(proxy.requests) == 3


def test_a_stalled_connection_is_left_for_another(live: Running, query: dict[str, Any], whole: bytes) -> None:
    timeout = httpx.Timeout(5, read=0.5)
    with (
        before(live.port, stalled(0), stalled(300), stalled(len(whole) // 2)) as proxy,
        Client(proxy.url, live.known["token"], timeout=timeout, backoff=QUICK) as client,
    ):
        assert read(client, query) == whole
        assert len(proxy.requests) >= 4


def test_what_a_proxy_answers_in_between_is_waited_out(
    live: Running, query: dict[str, Any], whole: bytes
) -> None:
    page = b"<html>Bad gateway</html>"
    faults = [
        refused(503),
        cut(len(whole) // 2),
        refused(502, page),
        refused(504),
        refused(429, b'{"error": "Too many.", "code": "too_many_streams"}'),
    ]
    with before(live.port, *faults) as proxy, quick_client(proxy, live) as client:
        assert read(client, query) == whole
        assert len(proxy.requests) == 6


def test_a_server_that_stays_away_is_given_up(live: Running, query: dict[str, Any]) -> None:
    with (
        before(live.port, cut(9000), *[cut(0)] * 100) as proxy,
        Client(proxy.url, live.known["token"], backoff=IMPATIENT) as client,
    ):
        stream = client.stream(query)
        with pytest.raises(ConnectionLostError):
            for _ in stream:
                pass
        # What came is whole, and its cursor goes on later.
        assert stream.cursor.startswith(stream.plan)
        assert 1 < len(proxy.requests) < 100


def test_a_pause_of_the_reader_costs_no_patience(live: Running, query: dict[str, Any], whole: bytes) -> None:
    with (
        before(live.port, cut(20_000)) as proxy,
        Client(proxy.url, live.known["token"], backoff=IMPATIENT) as client,
    ):
        stream = client.stream(query)
        first = next(stream).data
        time.sleep(2 * IMPATIENT.patience)  # a long step of the training
        assert first + b"".join(block.data for block in stream) == whole


@pytest.mark.parametrize("header", ["X-Themis-Plan", "X-Themis-Num-Samples", "X-Themis-Cursor"])
def test_another_stream_than_the_one_that_broke_is_refused(
    live: Running, query: dict[str, Any], header: str
) -> None:
    plan = quick_plan(live, query)
    name = header.lower().encode() + b": "
    other = {
        "X-Themis-Plan": (name + plan[:6].encode(), name + b"000000"),
        "X-Themis-Num-Samples": (name, name + b"1"),
        "X-Themis-Cursor": (name + plan.encode() + b".", name + plan.encode() + b".9"),
    }
    with (
        before(live.port, cut(20_000), rewritten(*other[header])) as proxy,
        quick_client(proxy, live) as client,
    ):
        with pytest.raises((PlanChangedError, MalformedError)):
            read(client, query)
        assert len(proxy.requests) == 2


def quick_plan(live: Running, query: dict[str, Any]) -> str:
    with Client(live.url, live.known["token"]) as client:
        return client.plan(query).digest


def test_more_lines_than_were_promised_are_no_samples(live: Running, query: dict[str, Any]) -> None:
    fewer = rewritten(b"x-themis-num-samples: 3", b"x-themis-num-samples: 2")
    with (
        before(live.port, fewer) as proxy,
        quick_client(proxy, live) as client,
        pytest.raises(CorruptError),
    ):
        read(client, query, limit=FEW)


def test_a_restart_of_the_server_is_not_seen(live: Running, query: dict[str, Any], whole: bytes) -> None:
    web = live.children()["web"]
    patient = Backoff(shortest=0.05, longest=0.2, patience=60)
    with Client(live.url, live.known["token"], backoff=patient) as client:
        stream = client.stream({**query, "batch_size": 1})
        got = [next(stream).data]
        stream.close()  # so that it has to come again, and to a server that is away
        os.kill(web, signal.SIGKILL)
        got += [block.data for block in stream]
        assert b"".join(got) == whole
    until(lambda: live.children().get("web") not in (None, web) and live.answers(), what="it is back")
