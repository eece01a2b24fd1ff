"""Themis over HTTP: its REST API, its plans, and streams that go on after any break."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from themisdb_datasets.client import wire
from themisdb_datasets.client.asking import JobDocument, asking, following, waiting
from themisdb_datasets.client.connection import TIMEOUT, Backoff, Server, answer_of, part_of
from themisdb_datasets.client.download import AT_ONCE, fetching
from themisdb_datasets.client.steps import take
from themisdb_datasets.client.streams import PATH, SampleStream, StreamProgress
from themisdb_datasets.client.upload import uploading
from themisdb_datasets.progress import Report


class PlanInfo(NamedTuple):
    """A plan as a dry run describes it: `num_samples` lines from `cursor` on, of `total`; `answer` is all it said."""

    digest: str
    version: str
    num_samples: int
    total: int
    cursor: str
    document: dict[str, Any]
    answer: dict[str, Any]

    @classmethod
    def of(cls, answer: dict[str, Any]) -> "PlanInfo":
        """What the answer to a dry run says."""
        return cls(
            digest=part_of(answer, "plan"),
            version=part_of(part_of(answer, "version"), "digest"),
            num_samples=part_of(answer, "num_samples"),
            total=part_of(answer, "total"),
            cursor=part_of(answer, "cursor"),
            document=part_of(answer, "document"),
            answer=answer,
        )


class Client:
    """One server and one token. Every request has time-outs; what fails raises a ThemisError.

    Without `base_url` and `token` they are those of THEMIS_URL and THEMIS_TOKEN, or of `themis login`. A client may go
    to another process, forked or pickled, and opens its connections there anew.
    """

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
        self._http: httpx.Client | None = None
        self._process = 0

    @property
    def answered(self) -> bool:
        """Whether the server ever has."""
        return self.server.has_answered

    @property
    def http(self) -> httpx.Client:
        """The connections of this process."""
        if self._http is None or self._process != os.getpid():
            # Those of a parent process stay its own: they are neither used nor closed here.
            self._http = httpx.Client(
                base_url=self.server.base_url,
                headers=self.server.headers,
                timeout=self._timeout,
                verify=self.server.trust,
            )
            self._process = os.getpid()
        return self._http

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at `path`, such as "datasets/" beneath /api/v1/, or an absolute one."""
        # {} would take the path's own parameters away.
        return answer_of(self.request("GET", path, params=parameters or None))

    def post(self, path: str, body: Any = None, *, idempotency_key: str = "") -> Any:
        """What Themis answers to a document; with a key it may be posted again without being done again."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return answer_of(self.request("POST", path, repeatable=bool(headers), json=body, headers=headers))

    def delete(self, path: str) -> None:
        """Remove the object at `path`."""
        self.request("DELETE", path)

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All objects of a list, page by page."""
        page = self.get(path, **parameters)
        yield from part_of(page, "results")
        while (more := following(page)) is not None:
            page = self.get(more)
            yield from part_of(page, "results")

    def request(self, method: str, path: str, *, repeatable: bool = False, **options: Any) -> httpx.Response:
        """The answer, read; ThemisError for one that is an error. What may be asked twice is tried again for a while."""
        steps = asking(self.server, self.backoff, method, path, repeatable=repeatable, **options)
        return take(self.http, steps)

    def plan(self, query: Mapping[str, Any]) -> PlanInfo:
        """What a stream of this query would deliver; from then on its cursor can be streamed."""
        body = {**query, "dry_run": True}
        return PlanInfo.of(answer_of(self.request("POST", PATH, repeatable=True, json=body)))

    def stream(
        self,
        query: Mapping[str, Any],
        *,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SampleStream:
        """The lines of a query of the export API, or from `cursor` on; nothing is asked before the first is wanted."""
        request = {"cursor": cursor} if cursor is not None else query
        progress = StreamProgress(request, rank=rank, world_size=world_size, drop_last=drop_last, limit=limit)
        return SampleStream(self, progress)

    def download(
        self,
        url: str,
        path: str | Path,
        *,
        sha256: str | None = None,
        at_once: int = AT_ONCE,
        replace: bool = False,
        report: Report = lambda done, total: None,
    ) -> Path:
        """Bring the file at `url` to `path`, into it where that is a folder; answers where it is.

        It comes in parts, `at_once` of them side by side; what an earlier call left half done is gone on with. Its SHA-256
        is checked, and is also compared with the one given. ConflictError: another file is there (`replace` allows that).
        """
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
        return take(self.http, steps)

    def upload(self, path: str | Path, *, report: Report = lambda done, total: None) -> str:
        """Send a file for an ingest; answers the upload's id. One that broke off, in an earlier process too, goes on."""
        return take(self.http, uploading(self.server, self.backoff, Path(path), report=report))

    def wait(
        self, job: Mapping[str, Any], *, report: Callable[[JobDocument], None] = lambda job: None
    ) -> dict[str, Any]:
        """Wait for the end of a job as `post` answered it, and answer how it ended; `report` is told how it goes.

        ImpossibleError: it failed; CancelledError: somebody cancelled it.
        """
        return take(self.http, waiting(self.server, self.backoff, job, report))

    def begin(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """The answer to a POST, its body unread; httpx.TransportError where there is none."""
        request = self.http.build_request("POST", path, json=body)
        through_proxy = wire.wants_proxy(request.url)
        response = self.http.send(request, stream=True) if through_proxy else wire.send(request)
        if response.is_success:
            self.server.note_answer()
        return response

    def close(self) -> None:
        """Close this process' connections; a further request opens others."""
        if self._http is not None and self._process == os.getpid():
            self._http.close()
        self._http = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_http": None, "_process": 0}

    def __repr__(self) -> str:
        return f"Client({self.server.base_url!r})"
