"""Themis over HTTP: its REST API, its plans, and streams that go on after any break."""

import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import httpx

from themisdb_datasets.connection import TIMEOUT, TRANSIENT, Backoff, Server, error_of
from themisdb_datasets.errors import ConnectionLostError
from themisdb_datasets.streaming import PATH, Patience, Progress, SampleStream, said

API = "/api/v1/"


class PlanInfo(NamedTuple):
    """A plan as a dry run describes it: `num_samples` lines from `cursor` on, of `total`; `answer` is all it said."""

    digest: str
    version: str
    num_samples: int
    total: int
    cursor: str
    document: dict[str, Any]
    answer: dict[str, Any]


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
    def http(self) -> httpx.Client:
        """The connections of this process."""
        if self._http is None or self._process != os.getpid():
            # Those of a parent process stay its own: they are neither used nor closed here.
            self._http = httpx.Client(
                base_url=self.server.base_url, headers=self.server.headers, timeout=self._timeout
            )
            self._process = os.getpid()
        return self._http

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at `path`, such as "datasets/" beneath /api/v1/, or an absolute one."""
        return self.request(
            "GET", path, params=parameters or None
        ).json()  # {} would take the path's own away

    def post(self, path: str, body: Any = None, *, idempotency_key: str = "") -> Any:
        """What Themis answers to a document; with a key it may be posted again without being done again."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self.request("POST", path, repeatable=bool(headers), json=body, headers=headers).json()

    def delete(self, path: str) -> None:
        """Remove the object at `path`."""
        self.request("DELETE", path)

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All objects of a list, page by page."""
        page = self.get(path, **parameters)
        yield from page["results"]
        while page["next"]:
            following = urlsplit(page["next"])
            # Only its path: the token goes to no other server, whatever a proxy makes of addresses.
            page = self.get(f"{following.path}?{following.query}")
            yield from page["results"]

    def request(self, method: str, path: str, *, repeatable: bool = False, **options: Any) -> httpx.Response:
        """The answer, read; ThemisError for one that is an error. What may be asked twice is tried again for a while."""
        repeatable = repeatable or method in ("GET", "HEAD")
        patience = Patience(self.backoff)
        while True:
            try:
                response = self.http.request(method, self.url(path), **options)
            except httpx.TransportError as error:
                if not repeatable or not patience.pause():
                    raise ConnectionLostError(
                        f"{self.server.base_url} cannot be reached ({said(error)})."
                    ) from error
                continue
            if response.is_success:
                return response
            if response.status_code not in TRANSIENT - {429} or not repeatable or not patience.pause():
                raise error_of(response)

    def url(self, path: str) -> str:
        """A path beneath the server's address; one without a slash in front is beneath /api/v1/."""
        return path if path.startswith("/") else API + path

    def plan(self, query: Mapping[str, Any]) -> PlanInfo:
        """What a stream of this query would deliver; from then on its cursor can be streamed."""
        answer = self.request("POST", PATH, repeatable=True, json={**query, "dry_run": True}).json()
        return PlanInfo(
            digest=answer["plan"],
            version=answer["version"]["digest"],
            num_samples=answer["num_samples"],
            total=answer["total"],
            cursor=answer["cursor"],
            document=answer["document"],
            answer=answer,
        )

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
        asked = {"cursor": cursor} if cursor is not None else query
        progress = Progress(asked, rank=rank, world_size=world_size, drop_last=drop_last, limit=limit)
        return SampleStream(self, progress)

    def begin(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """The answer to a POST, its body unread; httpx.TransportError where there is none."""
        request = self.http.build_request("POST", path, json=body)
        return self.http.send(request, stream=True)

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
