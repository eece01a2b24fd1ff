"""Feedback over sockets that break: every loss is told, and counts once."""

import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.processes import until
from tests.running import Running
from tests.themisdb_datasets.conftest import QUICK
from themisdb_datasets import Backoff, Client
from themisdb_datasets.client.feedback import Feedback
from themisdb_datasets.errors import AuthError, ConnectionLostError, MalformedError, ThemisError


@dataclass
class Cutter:
    """Passes bytes both ways, and breaks each connection off after so many of the server's; what comes after goes through."""

    port: int
    cuts: deque[int]
    num_connections: int = 0
    _listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.num_connections += 1
            left = self.cuts.popleft() if self.cuts else 1 << 60
            server = socket.create_connection(("127.0.0.1", self.port))
            for pair in ((client, server, 1 << 60), (server, client, left)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, left: int) -> None:
        with suppress(OSError):
            while left > 0 and (data := source.recv(1 << 16)):
                target.sendall(data[:left])
                left -= len(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutter(live: Running, *cuts: int) -> Iterator[Cutter]:
    found = Cutter(live.port, deque(cuts))
    threading.Thread(target=found.serve, daemon=True).start()
    with closing(found._listening):
        yield found
        found._listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def plan(client: Client, query: dict[str, Any]) -> str:
    return client.plan(query).digest


def run_of(client: Client, name: str) -> dict[str, Any]:
    (run,) = (run for run in client.pages("feedback/", name=name) if run["name"] == name)
    return run


def test_losses_of_lines_and_samples_are_told(live: Running, client: Client, plan: str) -> None:
    with Feedback(live.url, live.known["token"], run="told", batch=4) as feedback:
        feedback.send(f"{plan}.0", 0.5)
        feedback.send([f"{plan}.{position}" for position in range(1, 9)], np.linspace(0, 1, 8))
        feedback.flush()
        feedback("0123456789abcdef0123456789abcdef", 3)
        feedback.flush()
        assert (feedback.num_told, feedback.num_refused, feedback.num_waiting) == (10, 0, 0)
    assert run_of(client, "told")["num_records"] == 10
    with pytest.raises(ValueError, match="closed"):
        feedback.send(f"{plan}.0", 1)


def test_an_id_alone_is_told_where_a_plan_says_of_which_dataset(
    live: Running, client: Client, plan: str
) -> None:
    with Feedback(live.url, live.known["token"], run="ids", plan=plan) as feedback:
        feedback("0123456789abcdef0123456789abcdef", 3)
        feedback.flush()
        assert (feedback.num_told, feedback.num_refused) == (1, 0)
    assert run_of(client, "ids")["num_records"] == 1
    # A plan that is not known any more says nothing, and its lines are refused one by one.
    with Feedback(live.url, live.known["token"], run="gone", plan="0" * 64) as feedback:
        feedback(["0123456789abcdef0123456789abcdef", f"{plan}.0"], [3, 4])
        feedback.flush()
        assert feedback.num_told == 2, "the cursor says it too"


def test_each_counts_once_wherever_the_connection_breaks(live: Running, client: Client, plan: str) -> None:
    # The handshake's answer is about 130 bytes, the greeting 60, each acknowledgement 60.
    cuts = [0, 40, 129, 150, 190, 200, 230, 250, 260, 280, 300, 340, 400, 470]
    with cutter(live, *cuts) as between:
        feedback = Feedback(between.url, live.known["token"], run="cut", batch=10, backoff=QUICK)
        for position in range(300):
            feedback.send(f"{plan}.{position % 40}", position)
            if position % 10 == 9:
                feedback.flush(20)
        feedback.close()
        assert feedback.num_told == 300
        assert between.num_connections > len(cuts)
    assert run_of(client, "cut")["num_records"] == 300


def test_a_killed_server_is_waited_for(live: Running, client: Client, plan: str) -> None:
    feedback = Feedback(live.url, live.known["token"], run="killed web", seconds=0.01, backoff=QUICK)
    feedback.send(f"{plan}.0", 1)
    feedback.flush()
    os.kill(live.children()["web"], signal.SIGKILL)
    feedback.send([f"{plan}.{position}" for position in range(9)], [2.0] * 9)
    feedback.flush()
    feedback.close()
    until(live.answers, what="the web server is back")
    assert run_of(client, "killed web")["num_records"] == 10


def test_without_a_server_training_goes_on_and_memory_is_bounded(plan: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    feedback = Feedback(f"http://127.0.0.1:{port}", "themis_x", most=100, backoff=QUICK)
    for position in range(1000):
        feedback.send(f"{plan}.{position}", 1)
    assert feedback.num_waiting <= 101
    assert feedback.num_dropped >= 899
    with pytest.raises(ConnectionLostError, match="not told"):
        feedback.flush(0.1)
    feedback.close(0.1)
    assert feedback.num_told == 0


def test_a_token_that_may_not_is_said_once_and_nothing_waits_for_it(live: Running, plan: str) -> None:
    feedback = Feedback(live.url, "themis_wrong", backoff=Backoff(shortest=0.01))
    feedback.send(f"{plan}.0", 1)
    with pytest.raises(AuthError, match="export"):
        feedback.flush()
    feedback.send(f"{plan}.1", 1)
    assert (feedback.num_waiting, feedback.num_dropped) == (0, 2)
    feedback.close()


def test_a_dataset_that_is_not_there_is_said(live: Running, plan: str) -> None:
    feedback = Feedback(live.url, live.known["token"], dataset="No such", backoff=QUICK)
    feedback.send("0" * 32, 1)
    with pytest.raises(MalformedError, match="No such"):
        feedback.flush()
    feedback.close()


def test_what_is_no_loss_or_no_line_is_left_out_and_the_rest_told(
    live: Running, client: Client, plan: str
) -> None:
    with Feedback(live.url, live.known["token"], run="strange") as feedback:
        places = [f"{plan}.{position}" for position in range(5)] + [f"{'0' * 64}.1"]
        feedback.send(places, [float("nan"), -1, float("inf"), 1e10, 2, 3])
        feedback.flush()
        assert (feedback.num_told, feedback.num_refused) == (1, 5)
    assert run_of(client, "strange")["num_records"] == 1


def test_mistakes_of_the_caller_are_said_at_once(live: Running, plan: str) -> None:
    feedback = Feedback(live.url, live.known["token"])
    for wrong in ("17", f"{plan}.", "x" * 32, f"{plan}.1\n"):
        with pytest.raises(MalformedError, match="cursor"):
            feedback.send(wrong, 1)
    with pytest.raises(MalformedError, match="2 places, but 3 losses"):
        feedback.send([f"{plan}.1", f"{plan}.2"], [1, 2, 3])
    assert feedback.num_waiting == 0


def test_losses_are_those_of_the_moment_they_were_sent(live: Running, client: Client, plan: str) -> None:
    losses = np.ones(3)
    with Feedback(live.url, live.known["token"], run="moment") as feedback:
        feedback.send([f"{plan}.{position}" for position in range(3)], losses)
        losses[:] = 9
        feedback.flush()
    answer = client.post(f"{run_of(client, 'moment')['url']}difficulty/")
    until(lambda: client.get(answer["job"]["url"])["state"] == "succeeded", what="the losses are folded")
    difficulty = run_of(client, "moment")["difficulty"]
    assert (difficulty["least"], difficulty["most"]) == (1, 1)


def test_a_forked_process_tells_for_itself(live: Running, client: Client, plan: str) -> None:
    feedback = Feedback(live.url, live.known["token"], run="forked")
    feedback.send(f"{plan}.0", 1)
    feedback.flush()
    child = os.fork()
    if not child:
        feedback.send(f"{plan}.1", 1)
        feedback.close()
        os._exit(0 if feedback.num_told == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    feedback.send(f"{plan}.2", 1)
    feedback.close()
    assert feedback.num_told == 2
    assert run_of(client, "forked")["num_records"] == 3


class LostTensor:
    """Losses on a device that is lost before they are read."""

    def detach(self) -> "LostTensor":
        return self

    reshape = clone = __getitem__ = lambda self, *_: self

    def __len__(self) -> int:
        return 1

    def tolist(self) -> list[float]:
        raise RuntimeError("the device is lost")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_breaks_down_is_said_and_nothing_waits_for_it(live: Running, plan: str) -> None:
    feedback = Feedback(live.url, live.known["token"], run="lost")
    feedback.send(f"{plan}.0", LostTensor())
    with pytest.raises(ThemisError, match="broke down"):
        feedback.flush()
    feedback.send(f"{plan}.1", 1)
    assert (feedback.num_waiting, feedback.num_dropped) == (0, 2)
    feedback.close()


def test_closing_waits_between_its_attempts_at_a_server_that_is_gone() -> None:
    refused = 0
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            nonlocal refused
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    refused += 1
                    client.close()

        threading.Thread(target=refuse, daemon=True).start()
        feedback = Feedback(f"http://127.0.0.1:{listening.getsockname()[1]}", "token", run="gone")
        feedback.send(f"{'0' * 64}.0", 1)
        feedback.close(timeout=2)
        listening.shutdown(socket.SHUT_RDWR)
    assert 1 <= refused < 20
