"""The client for programs that run on asyncio: the same plans and streams, awaited."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import httpx

from themisdb_datasets.client.asking import JobDocument, asking, following, waiting
from themisdb_datasets.client.client import PlanInfo
from themisdb_datasets.client.connection import (
    TIMEOUT,
    Backoff,
    Patience,
    Server,
    answer_of,
    part_of,
    said,
    unreachable,
)
from themisdb_datasets.client.download import AT_ONCE, fetching
from themisdb_datasets.client.steps import take_async
from themisdb_datasets.client.streams import (
    BROKE_OFF,
    BROKEN,
    PATH,
    TOO_SHORT,
    LineBlock,
    StreamProgress,
    passing,
)
from themisdb_datasets.client.upload import uploading
from themisdb_datasets.errors import ConnectionLostError, ThemisError
from themisdb_datasets.progress import Report


class AsyncClient:
    """One server and one token, as `Client`. Each event loop that uses it has connections of its own."""

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        timeout: httpx.Timeout | float = TIMEOUT,
        backoff: Backoff | None = None,
    ) -> None:
        self.server = Server.known(base_url, token)
        self.backoff = backoff or Backoff()
        self._timeout = timeout
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            WeakKeyDictionary()
        )

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections of the event loop that runs."""
        loop = asyncio.get_running_loop()
        if loop not in self._connections:
            self._connections[loop] = httpx.AsyncClient(
                base_url=self.server.base_url,
                headers=self.server.headers,
                timeout=self._timeout,
                verify=self.server.trust,
            )
        return self._connections[loop]

    @property
    def answered(self) -> bool:
        """Whether the server ever has."""
        return self.server.has_answered

    async def get(self, path: str, **parameters: Any) -> Any:
        """The document at `path`, such as "datasets/" beneath /api/v1/, or an absolute one."""
        return answer_of(await self.request("GET", path, params=parameters or None))

    async def post(self, path: str, body: Any = None, *, idempotency_key: str = "") -> Any:
        """What Themis answers to a document; with a key it may be posted again without being done again."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return answer_of(
            await self.request("POST", path, repeatable=bool(headers), json=body, headers=headers)
        )

    async def delete(self, path: str) -> None:
        """Remove the object at `path`."""
        await self.request("DELETE", path)

    async def pages(self, path: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """All objects of a list, page by page."""
        page = await self.get(path, **parameters)
        while True:
            for each in part_of(page, "results"):
                yield each
            if (more := following(page)) is None:
                return
            page = await self.get(more)

    async def request(
        self, method: str, path: str, *, repeatable: bool = False, **options: Any
    ) -> httpx.Response:
        """The answer, read; ThemisError for one that is an error. What may be asked twice is tried again for a while."""
        steps = asking(self.server, self.backoff, method, path, repeatable=repeatable, **options)
        return await take_async(self.http, steps)

    async def wait(
        self, job: Mapping[str, Any], *, report: Callable[[JobDocument], None] = lambda job: None
    ) -> dict[str, Any]:
        """Wait for the end of a job as `Client.wait`, for as long as `asyncio.timeout` lets it."""
        return await take_async(self.http, waiting(self.server, self.backoff, job, report))

    async def download(
        self,
        url: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        at_once: int = AT_ONCE,
        replace: bool = False,
        report: Report = lambda done, total: None,
    ) -> Path:
        """Bring the file at `url` to `path` as `Client.download`; what a cancelled one has brought is gone on with."""
        steps = fetching(
            self.server,
            self.backoff,
            url,
            Path(path),
            sha256=sha256,
            at_once=at_once,
            replace=replace,
            report=report,
        )
        return await take_async(self.http, steps)

    async def upload(self, path: str | Path, *, report: Report = lambda done, total: None) -> str:
        """Send a file for an ingest as `Client.upload`; one that was cancelled goes on."""
        return await take_async(self.http, uploading(self.server, self.backoff, Path(path), report=report))

    async def plan(self, query: Mapping[str, Any]) -> PlanInfo:
        """What a stream of this query would deliver; from then on its cursor can be streamed."""
        body = {**query, "dry_run": True}
        return PlanInfo.of(answer_of(await self.request("POST", PATH, repeatable=True, json=body)))

    def stream(
        self,
        query: Mapping[str, Any],
        *,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> "AsyncSampleStream":
        """The lines of a query of the export API, or from `cursor` on; nothing is asked before the first is wanted."""
        request = {"cursor": cursor} if cursor is not None else query
        progress = StreamProgress(request, rank=rank, world_size=world_size, drop_last=drop_last, limit=limit)
        return AsyncSampleStream(self, progress)

    async def aclose(self) -> None:
        """Close the connections of this event loop; a further request opens others."""
        http = self._connections.pop(asyncio.get_running_loop(), None)
        if http is not None:
            await http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_connections"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _connections=WeakKeyDictionary())

    def __repr__(self) -> str:
        return f"AsyncClient({self.server.base_url!r})"


class AsyncSampleStream(AsyncIterator[LineBlock]):
    """The blocks of a stream, as `SampleStream`; what it says of its plan is known once `opened` or a block was awaited."""

    def __init__(self, client: AsyncClient, progress: StreamProgress) -> None:
        self._client = client
        self._progress = progress
        self._patience = Patience(client.backoff, known=client.answered or "cursor" in progress.query)
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    @property
    def plan(self) -> str:
        """The plan's digest; empty before anything was answered, like `version`."""
        return self._progress.plan

    @property
    def version(self) -> str:
        """The version's digest."""
        return self._progress.version

    @property
    def num_samples(self) -> int | None:
        """The lines of this stream in all; None where it has no end."""
        return self._progress.num_samples

    @property
    def cursor(self) -> str:
        """`<plan>.<position>` behind the last line that was given out; AttributeError before anything was answered."""
        return self._progress.cursor

    @property
    def export(self) -> str:
        """The id by which Themis speaks of the connection that is open now."""
        return self._progress.export

    async def opened(self) -> Self:
        """Wait until the server has answered what it will send."""
        while not self._progress.plan:
            await self._connect()
        return self

    async def __anext__(self) -> LineBlock:
        progress = self._progress
        while not progress.is_complete:
            if self._chunks is None:
                await self._connect()
                continue
            try:
                chunk = await anext(self._chunks, None)
                block = progress.take(chunk) if chunk is not None else None
            except BROKEN as error:
                await self._broke(BROKE_OFF.format(said(error)))
                continue
            except ThemisError:
                await self.aclose()
                raise
            if chunk is None:
                await self._broke(TOO_SHORT)
            elif block is not None:
                self._patience.renew()
                return block
        await self.aclose()
        raise StopAsyncIteration

    async def _connect(self) -> None:
        """Make one attempt; where it fails for a reason that passes, wait."""
        http = self._client.http
        try:
            request = http.build_request("POST", PATH, json=self._progress.request())
            self._response = response = await http.send(request, stream=True)
            if response.status_code == 200:
                self._client.server.note_answer()
                self._progress.answered(response.headers)
                self._chunks = response.aiter_bytes()
                return
            await response.aread()
            error, pause = passing(response)
        except BROKEN as broken:
            error, pause = unreachable(self._client.server.base_url, broken), 0
        except ThemisError:
            await self.aclose()
            raise
        await self.aclose()
        await asyncio.sleep(self._patience.after(error, at_least=pause))

    async def _broke(self, what: str) -> None:
        """Wait until it is worth another attempt."""
        await self.aclose()
        await asyncio.sleep(self._patience.after(ConnectionLostError(what)))

    async def aclose(self) -> None:
        """Let the connection go; reading on would open another."""
        response, self._response, self._chunks = self._response, None, None
        if response is not None:
            await response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
