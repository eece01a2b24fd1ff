"""Feedback of a training: what it finds hard, told to Themis over a socket by a thread of its own, in batches."""

import atexit
import logging
import os
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import msgspec
import numpy as np
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from themisdb_datasets.client.connection import KINDS, Backoff, Server
from themisdb_datasets.errors import AuthError, ConnectionLostError, MalformedError, ServerError, ThemisError

PATH = "/ws/feedback"
FRAME = 5_000  # losses in one message; the server takes twice as many
MOST_LOSS = 1e9
OPEN_SECONDS = 20
ANSWER_SECONDS = 60
EXIT_SECONDS = 10
# Answers that say of a message that it will never be taken, however often it is sent.
REFUSED = ("bad_frame", "frame_too_large")
log = logging.getLogger(__name__)
_PLACE = re.compile(r"([0-9a-f]{64})\.(\d{1,18})|[0-9a-f]{32}")


class _WaitingLosses(NamedTuple):
    """Losses that wait; a tensor stays where it is until it is sent, for reading it may have to wait for a device."""

    places: Sequence[str]
    losses: Any


class _Message(NamedTuple):
    """What is on its way."""

    seq: int
    data: bytes
    num_losses: int


class _Reply(msgspec.Struct):
    """What Themis says: at first how far this sender's messages are applied, then what became of each."""

    ack: int = 0
    num: int = 0
    num_errors: int = 0
    errors: list[dict[str, Any]] = []
    error: str = ""
    code: str = ""


class Feedback:
    """Tells the losses of a run's samples. `send` never waits and never fails for a reason of the network.

    A loss is that of a line, by its cursor ("cursor" of a sample of a dataset with `cursors=True`), or that of a sample, by
    its id of 32 hex digits; for ids, `dataset` says whose they are, or a `plan` of that dataset. They go in batches, every
    `seconds` or once `batch` of them wait, by a thread that connects anew after every break and repeats what was not acknowledged; Themis counts it once.

    At most `most` losses wait; of more the oldest are dropped, with a warning. `flush` waits until all are told, and leaving
    a `with` or the process tries to. Each process tells by itself, under a name of its own unless `sender` gives it one.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        run: str = "default",
        dataset: str | int | None = None,
        plan: str | None = None,
        sender: str | None = None,
        batch: int = 1_000,
        seconds: float = 2.0,
        most: int = 1_000_000,
        backoff: Backoff | None = None,
    ) -> None:
        self.server = Server.known(base_url, token)
        self.run = run
        self.batch, self.seconds, self.most = batch, seconds, most
        self.backoff = backoff or Backoff()
        self._dataset, self._plan, self._sender = dataset, plan, sender
        self._begin()

    def _begin(self) -> None:
        """Begin in this process: threads and sockets of a parent process are none here."""
        self._process = os.getpid()
        self.sender = self._sender or uuid.uuid4().hex
        self.num_told = 0  # taken by the server
        self.num_refused = 0  # that it does not take: of lines it does not know, or no numbers
        self.num_dropped = 0
        self.error: ThemisError | None = None  # why nothing more is told
        self._trouble = ""  # why it is tried again
        self._changed = threading.Condition()
        self._closing = self._ended = False
        self._queue: deque[_WaitingLosses] = deque()
        self._num_queued = self._num_sending = 0
        self._since = 0.0  # when the oldest one that waits came
        self._hurry = False
        self._deadline = float("inf")
        self._warned: set[str] = set()
        self._seq = 0  # of the last message
        self._message: _Message | None = None  # that is on its way
        self._thread: threading.Thread | None = None

    @property
    def num_waiting(self) -> int:
        """The losses that are not acknowledged yet."""
        return self._num_queued + self._num_sending

    def send(self, places: str | Sequence[str], losses: Any) -> None:
        """Tell the loss of one line or sample, or those of several: a number, a list, an array or a tensor.

        MalformedError for a place that is neither a cursor nor a sample's id, or another number of losses than of places.
        """
        waiting = _WaitingLosses(
            (places,) if isinstance(places, str) else tuple(places), _as_they_are(losses)
        )
        if strange := next((place for place in waiting.places if not _PLACE.fullmatch(place)), None):
            raise MalformedError(f"{strange!r} is neither a cursor nor a sample's id of 32 hex digits.")
        if len(waiting.places) != len(waiting.losses):
            raise MalformedError(f"There are {len(waiting.places)} places, but {len(waiting.losses)} losses.")
        if self._process != os.getpid():
            self._begin()
        with self._changed:
            if self._closing:
                raise ValueError("This feedback is closed.")
            if self.error is not None:
                self.num_dropped += len(waiting.places)
                return
            self._put(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="themis-feedback", daemon=True)
                self._thread.start()
                atexit.register(self.close, timeout=EXIT_SECONDS)
            if self._num_queued >= self.batch:
                self._changed.notify_all()

    __call__ = send

    def _put(self, waiting: _WaitingLosses) -> None:
        if not self._queue:
            self._since = time.monotonic()
            self._changed.notify_all()  # whose time begins
        for first in range(0, len(waiting.places), FRAME):
            self._queue.append(
                _WaitingLosses(waiting.places[first : first + FRAME], waiting.losses[first : first + FRAME])
            )
        self._num_queued += len(waiting.places)
        while self._num_queued > self.most:
            oldest = len(self._queue.popleft().places)
            self._num_queued -= oldest
            self.num_dropped += oldest
            self._warn(
                "dropped", f"Feedback is dropped, the oldest first: {self._trouble or 'too much of it'}"
            )

    def flush(self, timeout: float = 60.0) -> None:
        """Wait until all that was sent is told. ConnectionLostError when the time is over, ThemisError where it never will be."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended or not self.num_waiting, deadline - time.monotonic())
            self._hurry = False
        if self.error is not None:
            raise self.error
        if self.num_waiting:
            reason = self._trouble or "the time was too short"
            raise ConnectionLostError(f"{self.num_waiting:,} losses are not told yet ({reason}).")

    def close(self, timeout: float = 30.0) -> None:
        """Tell what waits, for so many seconds at most, and end; warns of what is left."""
        if self._process != os.getpid() or self._thread is None:
            return
        with self._changed:
            self._deadline = time.monotonic() + timeout
            self._closing = True
            self._changed.notify_all()
        atexit.unregister(self.close)
        self._thread.join(timeout + 1)
        left = self.num_waiting
        if left and self.error is None:
            self._warn("left", f"{left:,} losses were not told: {self._trouble or 'the time was too short'}")

    def _work(self) -> None:
        """The thread: one message after the other, each until it is acknowledged, over one connection after the other."""
        waits = self.backoff.waits()
        try:
            while self._message or self._await():
                try:
                    with self._connect() as socket:
                        self._greeted(socket)
                        waits = self.backoff.waits()
                        self._tell(socket)
                except InvalidStatus as error:
                    self._trouble = self._check_status(error.response.status_code)
                except (OSError, WebSocketException) as error:
                    self._trouble = str(error) or type(error).__name__
                else:
                    continue
                if not self._pause(next(waits)):
                    return
        except ThemisError as error:
            self._give_up(error)
        finally:
            if not self._closing and self.error is None:
                # Such as a device that broke down under a tensor: nothing waits for what will not come.
                self._give_up(ThemisError("The thread that tells it broke down; its traceback says why."))
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _connect(self) -> Any:
        asked = {"run": self.run, "sender": self.sender}
        if self._dataset is not None:
            asked["dataset"] = str(self._dataset)
        elif self._plan is not None:
            asked["plan"] = self._plan
        return connect(
            f"ws{self.server.base_url.removeprefix('http')}{PATH}?{urlencode(asked)}",
            additional_headers={"Authorization": f"Bearer {self.server.token}"},
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            compression=None,
        )

    def _check_status(self, status: int) -> str:
        """Raise where an answer to the handshake is one that stays."""
        if status in (401, 403):
            raise AuthError(
                f"{self.server.base_url} takes no feedback with this token; it needs the scope export."
            )
        if status == 429 or status >= 500:
            return f"{self.server.base_url} answered {status}"
        kind = KINDS.get(status, ServerError)
        raise kind(
            f"{self.server.base_url} answered {status}, so it has no feedback, or a proxy passes no sockets."
        )

    def _greeted(self, socket: ClientConnection) -> None:
        """Hear how far this sender's messages are applied."""
        answer = _heard(socket)
        if answer.error:  # about what the address asks for
            raise MalformedError(answer.error, code=answer.code)
        if self._message and answer.ack >= self._message.seq:
            self.num_told += self._message.num_losses  # its answer was lost with the connection
            self._done()
        # One of the same name may have told before, in an earlier process: our numbers go on after its own,
        # or they would be taken for repetitions.
        self._seq = max(self._seq, answer.ack)

    def _tell(self, socket: ClientConnection) -> None:
        """Tell what there is and what comes, until this is closed."""
        while self._message or self._await():
            if self._message is None:
                self._message = self._next()
            # A message of which nothing is left has no answer to wait for.
            if self._message.num_losses:
                socket.send(self._message.data, text=True)
                self._hear(socket, self._message)
            self._done()

    def _hear(self, socket: ClientConnection, message: _Message) -> None:
        """The answer to a message; ConnectionError where it has to be sent again."""
        answer = _heard(socket)
        if answer.error:
            if answer.code not in REFUSED:
                raise ConnectionError(answer.error)
            self._refuse(message.num_losses, answer.error)
        elif answer.ack != message.seq:
            raise ConnectionError("Themis acknowledged another message.")
        else:
            self.num_told += answer.num
            if answer.num_errors:
                self._refuse(answer.num_errors, str(answer.errors[:1]))

    def _await(self) -> bool:
        """Wait until a message is due; False when there is nothing more, for this is closed."""
        with self._changed:
            while not self._closing and not self._is_due():
                self._changed.wait(self._since + self.seconds - time.monotonic() if self._queue else None)
            return bool(self._queue)

    def _is_due(self) -> bool:
        late = time.monotonic() >= self._since + self.seconds
        return bool(self._queue) and (late or self._hurry or self._num_queued >= self.batch)

    def _next(self) -> _Message:
        """The next message."""
        with self._changed:
            taken: list[_WaitingLosses] = []
            while self._queue and self._num_sending + len(self._queue[0].places) <= FRAME:
                taken.append(self._queue.popleft())
                self._num_sending += len(taken[-1].places)
            self._num_queued -= self._num_sending
            self._since = time.monotonic()
        pairs = [pair for each in taken for pair in zip(each.places, each.losses.tolist(), strict=True)]
        good = [(place, loss) for place, loss in pairs if 0 <= loss <= MOST_LOSS]
        if len(good) < len(pairs):
            self._refuse(len(pairs) - len(good), "a loss is a number from 0 to a billion")
        self._seq += 1
        return _Message(self._seq, _encoded(self._seq, good), len(good))

    def _done(self) -> None:
        with self._changed:
            self._message, self._num_sending = None, 0
            self._changed.notify_all()

    def _pause(self, wait: float) -> bool:
        """Wait before another attempt, less when this is being closed; False when the time to close is over."""
        with self._changed:
            if self._closing:
                # Whoever waits for what is so already does not wait: against a server that is gone, that would be
                # hundreds of attempts a second until the deadline.
                self._changed.wait(max(0.0, min(wait, 1.0, self._deadline - time.monotonic())))
            else:
                self._changed.wait_for(lambda: self._closing, wait)
            return time.monotonic() < self._deadline

    def _give_up(self, error: ThemisError) -> None:
        with self._changed:
            self.error = error
            self.num_dropped += self.num_waiting
            self._queue.clear()
            self._message, self._num_queued, self._num_sending = None, 0, 0
            self._changed.notify_all()
        self._warn("error", f"No more feedback is told: {error}")

    def _refuse(self, number: int, reason: str) -> None:
        self.num_refused += number
        self._warn("refused", f"Feedback was refused: {reason}")

    def _warn(self, kind: str, message: str) -> None:
        """Warn, once of each kind: training goes on."""
        if kind not in self._warned:
            self._warned.add(kind)
            log.warning(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Feedback({self.server.base_url!r}, run={self.run!r})"


def _as_they_are(losses: Any) -> Any:
    """Losses side by side as they are now, whatever becomes of them; a tensor stays on its device."""
    if hasattr(losses, "detach"):
        return losses.detach().reshape(-1).clone()
    return np.array(losses, np.float64).reshape(-1)


def _encoded(seq: int, pairs: list[tuple[str, float]]) -> bytes:
    """The message that tells these losses; of lines of one plan only their positions."""
    plans = {place.rpartition(".")[0] for place, _ in pairs}
    if len(plans) == 1 and (plan := plans.pop()):
        positions = [int(place[len(plan) + 1 :]) for place, _ in pairs]
        losses = [loss for _, loss in pairs]
        return msgspec.json.encode({"seq": seq, "plan": plan, "positions": positions, "losses": losses})
    items = [{"cursor" if "." in place else "sample_id": place, "loss": loss} for place, loss in pairs]
    return msgspec.json.encode({"seq": seq, "items": items})


def _heard(socket: ClientConnection) -> _Reply:
    try:
        return msgspec.json.decode(socket.recv(timeout=ANSWER_SECONDS), type=_Reply)
    except msgspec.DecodeError as error:
        raise ConnectionError(f"What answers is no Themis: {error}") from error
