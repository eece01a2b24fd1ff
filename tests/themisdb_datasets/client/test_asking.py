"""Asking, step by step: what is tried again and what is not, and how a job ends."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from themisdb_datasets.client.asking import asking, following, has_succeeded, waiting
from themisdb_datasets.client.connection import Backoff, Server
from themisdb_datasets.client.steps import Answer, Ask, Sleep, Steps, TooSlowError
from themisdb_datasets.errors import (
    CancelledError,
    ImpossibleError,
    MalformedError,
    NotFoundError,
    ThemisError,
)

BACKOFF = Backoff(shortest=0.01, longest=0.02, patience=20, first_patience=20)
LOST = httpx.ConnectError("gone")
ASKED = httpx.Request("GET", "http://127.0.0.1:1/")
BUSY = httpx.Response(503, request=ASKED, json={"code": "busy", "message": "Later."})
DONE = httpx.Response(200, request=ASKED, json={"state": "succeeded", "title": "Ingest"})


def driven(steps: Steps[Any], answers: Sequence[Answer]) -> tuple[Any, list[Ask], int]:
    """What the steps come to where these are the answers; what was asked, and how often they slept."""
    asks: list[Ask] = []
    sleeps, given, told = 0, iter(answers), None
    while True:
        try:
            step = steps.send(told)
        except StopIteration as end:
            assert next(given, None) is None, "every answer was wanted"
            return end.value, asks, sleeps
        told = None
        if isinstance(step, Sleep):
            sleeps += 1
        else:
            assert isinstance(step, Ask)
            asks.append(step)
            told = next(given)


@pytest.fixture
def server() -> Server:
    return Server("http://127.0.0.1:1", "thm_x")


def test_what_may_be_asked_twice_is_asked_until_it_is_answered(server: Server) -> None:
    answer, asks, sleeps = driven(asking(server, BACKOFF, "GET", "datasets/"), [LOST, BUSY, DONE])
    assert (answer, len(asks), sleeps) == (DONE, 3, 2)
    assert server.has_answered


def test_what_starts_something_is_asked_once_unless_it_is_said_to_be_repeatable(server: Server) -> None:
    with pytest.raises(ThemisError):
        driven(asking(server, BACKOFF, "POST", "indexes/"), [LOST])
    answer, asks, _ = driven(asking(server, BACKOFF, "POST", "indexes/", repeatable=True), [BUSY, DONE])
    assert (answer, len(asks)) == (DONE, 2)


def test_an_answer_that_will_not_change_is_an_error_at_once(server: Server) -> None:
    refused = httpx.Response(404, request=ASKED, json={"code": "not_found", "message": "There is none."})
    with pytest.raises(NotFoundError, match="There is none"):
        driven(asking(server, BACKOFF, "GET", "datasets/7/"), [refused])
    with pytest.raises(ThemisError):
        driven(asking(server, BACKOFF, "GET", "datasets/"), [TooSlowError("slow")])


def test_nobody_is_asked_beyond_ones_patience(server: Server) -> None:
    short = Backoff(shortest=0.01, longest=0.01, patience=0, first_patience=0)
    with pytest.raises(ThemisError):
        driven(asking(server, short, "GET", "datasets/"), [LOST])


def test_a_job_is_looked_at_until_it_ends(server: Server) -> None:
    reports: list[Any] = []
    running = httpx.Response(200, request=ASKED, json={"state": "running", "title": "Ingest"})
    steps = waiting(server, BACKOFF, {"url": "/api/v1/jobs/1/"}, reports.append)
    document, asks, sleeps = driven(steps, [running, LOST, running, DONE])
    assert document["state"] == "succeeded"
    assert (len(asks), sleeps) == (4, 3)
    assert [report["state"] for report in reports] == ["running", "running", "succeeded"]


def test_a_job_that_failed_or_was_cancelled_says_so() -> None:
    assert has_succeeded({"state": "succeeded"})
    assert not has_succeeded({"state": "queued"})
    with pytest.raises(ImpossibleError, match="Ingest: no room") as caught:
        has_succeeded({"state": "failed", "title": "Ingest", "error": "no room", "error_code": "no_space"})
    assert caught.value.code == "no_space"
    with pytest.raises(CancelledError):
        has_succeeded({"state": "cancelled", "title": "Ingest"})
    with pytest.raises(MalformedError):
        has_succeeded({"status": "fine"})


def test_a_list_goes_on_at_this_server_whatever_a_proxy_makes_of_its_address() -> None:
    assert (
        following({"next": "http://elsewhere.example/api/v1/datasets/?cursor=abc"})
        == "/api/v1/datasets/?cursor=abc"
    )
    assert following({"next": None}) is None
