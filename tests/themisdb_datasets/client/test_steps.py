"""How a stream goes on: what is tried again, how long, and what is refused."""

import socket
from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.client.conftest import answer
from tests.themisdb_datasets.conftest import QUICK, quick_client
from tests.themisdb_datasets.proxy import before, cut
from themisdb_datasets import Backoff, Client
from themisdb_datasets.client.streams import StreamProgress
from themisdb_datasets.errors import (
    AuthError,
    ConnectionLostError,
    CorruptError,
    MalformedError,
    PlanChangedError,
)


def test_a_limit_holds_over_all_connections(live: Running, query: dict[str, Any], whole: bytes) -> None:
    with before(live.port, cut(2000)) as proxy, quick_client(proxy, live) as client:
        lines = b"".join(block.data for block in client.stream({**query, "limit": 40}))
        assert lines == b"".join(whole.splitlines(keepends=True)[:40])


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
