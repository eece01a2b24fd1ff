"""Files as downloads, read piece by piece: under ASGI Django would collect an ordinary FileResponse whole."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from themis_admin.web.byteranges import AnsweredRange, requested
from themisdb_datasets.errors import CorruptError

PIECE = 1024 * 1024


def download(path: Path | None, *, name: str, content_type: str) -> StreamingHttpResponse:
    """The file at `path` as an attachment called `name`; an empty one where there is no file."""
    size = path.stat().st_size if path is not None else 0
    response = StreamingHttpResponse(_pieces(path, 0, size), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Content-Length"] = str(size)
    return response


@dataclass(frozen=True)
class KnownBytes:
    """Bytes whose SHA-256 is known and that never change, and the name they are downloaded under."""

    name: str
    content_type: str
    digest: str
    num_bytes: int

    def pieces(self, start: int, stop: int, sent: Callable[[int], None] | None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `stop`."""
        raise NotImplementedError

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    def requested_range(self, request: HttpRequest) -> AnsweredRange:
        """Which part of it the request asks for; a range has a meaning for GET only."""
        # RFC 9110, 14.2: a Range of another method is ignored.
        headers = dict(request.headers)
        if request.method != "GET":
            headers.pop("Range", None)
        return requested(headers, size=self.num_bytes, etag=self.etag)

    def respond(
        self, request: HttpRequest, part: AnsweredRange, *, sent: Callable[[int], None] | None = None
    ) -> HttpResponseBase:
        """The response with `part`; `sent` is told, in a thread, how many bytes the client took."""
        response: HttpResponseBase
        # None of these has a body; a HEAD says all the same how long it would be.
        if request.method == "HEAD" or part.status in (304, 416):
            response = HttpResponse(status=part.status, content_type=self.content_type)
        else:
            pieces = self.pieces(part.start, part.stop, sent)
            response = StreamingHttpResponse(pieces, status=part.status, content_type=self.content_type)
        if part.status != 304:
            response["Content-Disposition"] = content_disposition_header(True, self.name) or "attachment"
            response["Content-Length"] = str(part.num_bytes)
        if part.status == 206:
            response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{self.num_bytes}"
        if part.status == 416:
            response["Content-Range"] = f"bytes */{self.num_bytes}"
        self._describe(response)
        return response

    def _describe(self, response: HttpResponseBase) -> None:
        # `Repr-Digest` is RFC 9530; `Digest`, its predecessor (RFC 3230), is
        # what older clients look for. `no-transform` keeps a proxy from
        # compressing on the way, which would break the digest and every range.
        digest = base64.b64encode(bytes.fromhex(self.digest)).decode()
        response["Accept-Ranges"] = "bytes"
        response["ETag"] = self.etag
        response["Digest"] = f"sha-256={digest}"
        response["Repr-Digest"] = f"sha-256=:{digest}:"
        response["Cache-Control"] = "private, no-transform"


@dataclass(frozen=True)
class Immutable(KnownBytes):
    """A file on the disk."""

    path: Path

    def pieces(self, start: int, stop: int, sent: Callable[[int], None] | None) -> AsyncIterator[bytes]:
        return _pieces(self.path, start, stop, sent)


@dataclass(frozen=True)
class AssembledBytes(KnownBytes):
    """What is put together while it is downloaded: `read(start, stop)` gives any part of it."""

    read: Callable[[int, int], Iterator[bytes]]

    def pieces(self, start: int, stop: int, sent: Callable[[int], None] | None) -> AsyncIterator[bytes]:
        return _told(self.read(start, stop), sent)


async def _told(pieces: Iterator[bytes], sent: Callable[[int], None] | None) -> AsyncIterator[bytes]:
    """The pieces, each made in a thread; `sent` is told how many bytes were asked for."""
    size = 0
    try:
        # `next` with a default, because a StopIteration cannot come out of a thread into a coroutine.
        while piece := await asyncio.to_thread(next, pieces, b""):
            size += len(piece)
            yield piece
    finally:
        if sent is not None:
            asyncio.get_running_loop().run_in_executor(None, sent, size)


async def _pieces(
    path: Path | None, start: int, stop: int, sent: Callable[[int], None] | None = None
) -> AsyncIterator[bytes]:
    """The bytes from `start` to before `stop`. What was read and not yet asked for again is on its way."""
    if path is None:
        return
    at = start
    try:
        # Unbuffered, for pieces are larger than any buffer and would only be copied through it.
        with await asyncio.to_thread(path.open, "rb", buffering=0) as file:
            file.seek(start)
            while at < stop:
                piece = await asyncio.to_thread(file.read, min(PIECE, stop - at))
                # The length was promised in a header, so the response is broken off rather than ended short:
                # a client must not take what it has for the whole file.
                if not piece:
                    raise CorruptError(f"{path.name} ends at byte {at:,}, before its {stop:,}.")
                at += len(piece)
                yield piece
    finally:
        if sent is not None:
            asyncio.get_running_loop().run_in_executor(None, sent, at - start)
