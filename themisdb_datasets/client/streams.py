"""A stream that goes on after any break: whole lines in blocks, each exactly once, until all that was promised has come."""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import httpx

from themisdb_datasets.client.connection import (
    TRANSIENT,
    Backoff,
    Patience,
    Server,
    error_of,
    retry_after,
    said,
    unreachable,
)
from themisdb_datasets.errors import (
    ConnectionLostError,
    CorruptError,
    MalformedError,
    PlanChangedError,
    ThemisError,
)

PATH = "/api/export/jsonl_llm/stream"
BROKEN = (httpx.TransportError, httpx.DecodingError)
BROKE_OFF = "The stream broke off ({})."
TOO_SHORT = "The stream ended before all its lines had come."


class LineBlock(NamedTuple):
    """Whole lines, each with its LF."""

    data: bytes
    num_lines: int


class StreamProgress:
    """What has come of a stream so far, and from it the next request; knows nothing of connections.

    `query` is a request of the export API; `rank` and `world_size` say which share of its positions is meant, `limit`
    how many lines.
    """

    def __init__(
        self,
        query: Mapping[str, Any],
        *,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        limit: int | None = None,
    ) -> None:
        self.query = dict(query)
        self.rank = self.query.pop("rank", rank)
        self.world_size = self.query.pop("world_size", world_size)
        self.drop_last = self.query.pop("drop_last", drop_last)
        self.num_lines = 0  # that came
        self.plan = ""
        self.version = ""
        # Lines in all; None where nobody has said yet, or there is no end.
        self.num_samples: int | None = self.query.pop("limit", limit)
        self.export = ""
        self._start = 0
        self._begun: list[bytes] = []  # pieces of a line of which the end has not come

    @property
    def cursor(self) -> str:
        """Where the line after the last one stands; AttributeError before anything was answered."""
        if not self.plan:
            raise AttributeError("cursor")
        return f"{self.plan}.{self._start + self.num_lines * self.world_size}"

    @property
    def is_complete(self) -> bool:
        """Whether all lines that were promised have come."""
        return bool(self.plan) and self.num_samples is not None and self.num_lines >= self.num_samples

    def request(self) -> dict[str, Any]:
        """The body of the next request: the query, or after an answer the cursor alone."""
        # The query could mean another plan by now, as where the newest version is asked for; the cursor
        # cannot.
        body: dict[str, Any] = {"cursor": self.cursor} if self.plan else dict(self.query)
        if self.plan and "batch_size" in self.query:
            body["batch_size"] = self.query["batch_size"]
        if (self.rank, self.world_size) != (0, 1):
            body |= {"rank": self.rank, "world_size": self.world_size, "drop_last": self.drop_last}
        if self.num_samples is not None:
            body["limit"] = self.num_samples - self.num_lines
        return body

    def answered(self, headers: httpx.Headers) -> None:
        """A stream begins; PlanChangedError where it is not the one that broke off."""
        plan, version = headers.get("X-Themis-Plan", ""), headers.get("X-Themis-Version", "")
        cursor, count = headers.get("X-Themis-Cursor", ""), headers.get("X-Themis-Num-Samples")
        named, _, start = cursor.partition(".")
        if not plan or named != plan or not start.isdecimal() or not (count or "0").isdecimal():
            raise MalformedError("What answers is no Themis: its answer names no plan.", code="no_themis")
        promised = None if count is None else self.num_lines + int(count)
        if not self.plan:
            self.plan, self.version, self.num_samples = plan, version, promised
            self._start = int(start)
        elif (plan, cursor, promised) != (self.plan, self.cursor, self.num_samples):
            # Lines are only added to those before where place and number left are exactly those of the break.
            raise PlanChangedError(
                f"The stream broke off at {self.cursor} with {self.num_samples} lines promised, and would go on at"
                f" {cursor} with {promised}. Nothing was mixed up; start anew."
            )
        self.export = headers.get("X-Themis-Export", "")
        # The piece of a line that the break cut: the cursor stands before it, so all of it comes again.
        self._begun = []

    def take(self, chunk: bytes) -> LineBlock | None:
        """The lines that are whole now; None while there is none. CorruptError: they are more than was promised."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._begun.append(chunk)
            return None
        data = b"".join((*self._begun, memoryview(chunk)[:end]))
        self._begun = [chunk[end:]]
        if self.num_samples is None and (data[0] == 10 or b"\n\n" in data):
            # A stream without an end says by empty lines that it is still there.
            data = b"".join(line for line in data.splitlines(keepends=True) if line != b"\n")
            if not data:
                return None
        # `count` compares byte by byte before Python 3.13; this looks for them three times as fast.
        block = LineBlock(data, len(data) - len(data.replace(b"\n", b"")))
        if self.num_samples is not None and self.num_lines + block.num_lines > self.num_samples:
            raise CorruptError(f"More lines came than the {self.num_samples:,} that were promised.")
        self.num_lines += block.num_lines
        return block


def passing(response: httpx.Response) -> tuple[ThemisError, int]:
    """An answer that is no stream, its body read: the error and how long it asks to wait; raises what does not pass."""
    error = error_of(response)
    if response.status_code not in TRANSIENT:
        raise error
    return error, retry_after(response)


class Opens(Protocol):
    """A client that can begin a stream."""

    server: Server
    backoff: Backoff

    @property
    def answered(self) -> bool:
        """Whether its server ever has."""
        ...

    def begin(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """The answer to a POST, its body unread."""
        ...


class SampleStream(Iterator[LineBlock]):
    """The blocks of a stream. Breaks, restarts, time-outs and busy proxies are waited out, and no line comes twice.

    It ends when all lines have come that the server promised; ConnectionLostError where they do not, PlanChangedError
    where something else would. For one thread at a time; `with` or `close` end it early.
    """

    def __init__(self, client: Opens, progress: StreamProgress) -> None:
        self._client = client
        self._progress = progress
        # A cursor was got from a server that answered.
        self._patience = Patience(client.backoff, known=client.answered or "cursor" in progress.query)
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    @property
    def plan(self) -> str:
        """The plan's digest."""
        return self._opened().plan

    @property
    def version(self) -> str:
        """The version's digest."""
        return self._opened().version

    @property
    def num_samples(self) -> int | None:
        """The lines of this stream in all; None where it has no end."""
        return self._opened().num_samples

    @property
    def cursor(self) -> str:
        """`<plan>.<position>` behind the last line that was given out."""
        return self._opened().cursor

    @property
    def export(self) -> str:
        """The id by which Themis speaks of the connection that is open now."""
        return self._opened().export

    def _opened(self) -> StreamProgress:
        while not self._progress.plan:
            self._connect()
        return self._progress

    def __next__(self) -> LineBlock:
        progress = self._progress
        while not progress.is_complete:
            if self._response is None:
                self._connect()
                continue
            try:
                chunk = next(self._chunks, None)
                block = progress.take(chunk) if chunk is not None else None
            except BROKEN as error:
                self._broke(BROKE_OFF.format(said(error)))
                continue
            except ThemisError:
                self.close()
                raise
            if chunk is None:
                self._broke(TOO_SHORT)
            elif block is not None:
                # Only whole lines renew it: a server that accepts and breaks off each time gets nowhere.
                self._patience.renew()
                return block
        self.close()
        raise StopIteration

    def _connect(self) -> None:
        """Make one attempt; where it fails for a reason that passes, wait."""
        try:
            self._response = self._client.begin(PATH, self._progress.request())
            if self._response.status_code == 200:
                self._progress.answered(self._response.headers)
                self._chunks = self._response.iter_bytes()
                return
            self._response.read()
            error, pause = passing(self._response)
        except BROKEN as broken:
            error, pause = unreachable(self._client.server.base_url, broken), 0
        except ThemisError:
            self.close()
            raise
        self.close()
        time.sleep(self._patience.after(error, at_least=pause))

    def _broke(self, what: str) -> None:
        """Wait until it is worth another attempt."""
        self.close()
        time.sleep(self._patience.after(ConnectionLostError(what)))

    def close(self) -> None:
        """Let the connection go; reading on would open another."""
        response, self._response = self._response, None
        self._chunks = iter(())
        if response is not None:
            response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
