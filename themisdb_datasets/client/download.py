"""Downloads: parts side by side, going on after any break, checked by their SHA-256 and put in place whole."""

import base64
import binascii
import fcntl
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import httpx

from themisdb_datasets.artifacts import place_file
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
from themisdb_datasets.client.steps import Answer, Aside, Ask, Fetch, Sleep, Steps, Work
from themisdb_datasets.errors import (
    CancelledError,
    ConflictError,
    ConnectionLostError,
    CorruptError,
    ThemisError,
)
from themisdb_datasets.progress import Report

PART_BYTES = 8 << 20
NOTED_BYTES = 1 << 20  # of a part, after which it is noted how far it is
AT_ONCE = 4
# RFC 6266 and 8187: the name in UTF-8, between quotes or bare.
NAMED = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]+)\"|filename=([^;\s]+)")
# Repr-Digest as RFC 9530 has it, between colons, and Digest of RFC 3230 before it.
DIGEST = re.compile(r"sha-256=:?([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Remote:
    """A file of a server, as its head describes it; it never changes under this ETag."""

    url: str
    name: str
    etag: str
    num_bytes: int
    sha256: str

    @classmethod
    def of(cls, response: httpx.Response, url: str) -> "Remote":
        """What the answer to a HEAD says; CorruptError where that is no file of Themis'."""
        headers = response.headers
        found = DIGEST.search(headers.get("Repr-Digest") or headers.get("Digest", ""))
        try:
            sha256 = base64.b64decode(found[1], validate=True).hex() if found else ""
            num_bytes = int(headers["Content-Length"])
        except (KeyError, ValueError, binascii.Error):
            sha256 = ""
        if len(sha256) != 64 or "ETag" not in headers:
            raise CorruptError(
                f"What is at {url} has no SHA-256, so it is no file of Themis'.", code="no_file"
            )
        return cls(url, _name(headers.get("Content-Disposition", "")), headers["ETag"], num_bytes, sha256)


def fetching(
    server: Server,
    backoff: Backoff,
    url: str,
    path: Path,
    *,
    sha256: str | None,
    at_once: int,
    replace: bool,
    report: Report,
) -> Steps[Path]:
    """Bring the file at `url` to `path`, or into the folder there, under its own name; where it is then."""
    remote = yield from finding(
        server.path(url), at=server.base_url, backoff=backoff, known=server.has_answered
    )
    server.note_answer()
    if sha256 not in (None, remote.sha256):
        raise ConflictError(
            f"{url} is another file now; its SHA-256 is {remote.sha256}.", code="file_changed"
        )
    target = path / remote.name if path.is_dir() else path
    yield from bringing(remote, target, backoff=backoff, at_once=at_once, replace=replace, report=report)
    return target


def finding(url: str, *, at: str, backoff: Backoff, known: bool = False) -> Steps[Remote]:
    """The file at `url` of the server `at`; `known`: it has answered before."""
    patience = Patience(backoff, known=known)
    while True:
        answer: Answer = yield Ask("HEAD", url)
        if isinstance(answer, httpx.Response) and not answer.is_success:
            answer = yield Ask("GET", url, {"headers": {"Range": "bytes=0-0"}})  # a HEAD's does not say why
        if isinstance(answer, httpx.RequestError):
            yield Sleep(patience.after(unreachable(at, answer)))
        elif answer.is_success:
            return Remote.of(answer, url)
        elif answer.status_code in TRANSIENT:
            yield Sleep(patience.after(error_of(answer), at_least=retry_after(answer)))
        else:
            raise error_of(answer)


def bringing(
    remote: Remote, path: Path, *, backoff: Backoff, at_once: int, replace: bool, report: Report
) -> Steps[None]:
    """Bring the file to `path`; what an earlier call left half done beside it is gone on with.

    A file that is there with the right content stays. ConflictError: there is another one (`replace` allows that), or
    another process downloads it. CorruptError: what came is not what was promised, and is gone.
    """
    if (yield Work(partial(_is_at, path, remote))):
        report(remote.num_bytes, remote.num_bytes)
        return
    if path.exists() and (path.is_dir() or not replace):
        raise ConflictError(
            f"{path} is there already and is something else; remove it or choose another name."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    with only_here(path.with_name(f"{path.name}.part.done"), what=path.name) as noted:
        with PartialFile(draft, noted, remote, report=report) as parts:
            several = [_part(parts, backoff, number) for number in parts.missing]
            yield Aside(several, at_once, parts.stop, parts.wait)
        if (yield Work(partial(sha256_of, draft))) != remote.sha256:
            draft.unlink()
            Path(noted.name).unlink()
            raise CorruptError(
                f"What came for {path.name} has another SHA-256 than promised; download it anew."
            )
        yield Work(partial(place_file, draft, path))
        Path(noted.name).unlink()


def _is_at(path: Path, remote: Remote) -> bool:
    return path.is_file() and path.stat().st_size == remote.num_bytes and sha256_of(path) == remote.sha256


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class PartialFile:
    """The file while it comes in; how far each of its parts is there is noted line by line beside it.

    A line is the number of a part that is there, or of one that goes on at a place: `3` or `4 34603008`.
    """

    def __init__(self, path: Path, noted: BinaryIO, remote: Remote, *, report: Report) -> None:
        self.remote = remote
        self._noted = noted
        self._report = report
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        first = f"{remote.etag} {remote.num_bytes} {PART_BYTES}"
        known = _complete_lines(noted) if path.exists() else []
        # Part -> where it goes on, and up to where that is noted.
        self._places = dict(map(self._place, known[1:])) if known[:1] == [first] else {}
        self._known = dict(self._places)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | (0 if self._places else os.O_TRUNC), 0o666)
        # Of its full length from the beginning, for parts come in any order.
        os.truncate(self._file, remote.num_bytes)
        # Written anew, each part once: lines of earlier attempts would pile up.
        noted.truncate(0)
        noted.write(f"{first}\n".encode())
        for number in sorted(self._places):
            self._note(number)
        noted.flush()
        numbers = range(-(-remote.num_bytes // PART_BYTES))
        self.missing = [number for number in numbers if self.place(number) < self.span(number)[1]]
        self._done = sum(place - self.span(number)[0] for number, place in self._places.items())
        report(self._done, remote.num_bytes)

    def span(self, number: int) -> tuple[int, int]:
        """The first byte of a part, and the one after its last."""
        start = number * PART_BYTES
        return start, min(start + PART_BYTES, self.remote.num_bytes)

    def place(self, number: int) -> int:
        """The byte that a part goes on with."""
        return self._places.get(number, self.span(number)[0])

    def put(self, number: int, data: bytes) -> None:
        """More bytes of a part; CancelledError where no more are wanted."""
        place, (start, stop) = self.place(number), self.span(number)
        # More than was asked for must not run into the next part, which another thread writes.
        data = data[: stop - place]
        with self._lock:  # which holds what closes the file up too
            if self._stopped.is_set():
                raise CancelledError("The download was stopped.")
            os.pwrite(self._file, data, place)
            place += len(data)
            self._places[number] = place
            # Noted after it is written, so that a killed process leaves a note that tells too little at most.
            # After a power failure it may tell too much, which the SHA-256 at the end finds.
            if place == stop or place - self._known.get(number, start) >= NOTED_BYTES:
                self._note(number)
                self._noted.flush()
            self._done += len(data)
            self._report(self._done, self.remote.num_bytes)

    def _note(self, number: int) -> None:
        place = self._known[number] = self._places[number]
        whole = place == self.span(number)[1]
        self._noted.write(f"{number}\n".encode() if whole else f"{number} {place}\n".encode())

    def _place(self, line: str) -> tuple[int, int]:
        number, _, place = line.partition(" ")
        return int(number), int(place) if place else self.span(int(number))[1]

    def stop(self) -> None:
        """Take no more, and wait for nothing."""
        with self._lock:
            self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until no more is wanted."""
        self._stopped.wait(seconds)

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        for number, place in self._places.items():
            if self._known.get(number) != place:
                self._note(number)
        self._noted.flush()
        os.close(self._file)


def _part(parts: PartialFile, backoff: Backoff, number: int) -> Steps[None]:
    """Bring one part, however often the connection breaks."""
    _, stop = parts.span(number)
    patience = Patience(backoff, known=True)
    remote = parts.remote

    def put(data: bytes) -> None:
        parts.put(number, data)
        patience.renew()

    while (at := parts.place(number)) < stop:
        # If-Range (RFC 9110, section 13.1.5): of a file that is another by now all of it is answered, which
        # is refused, in place of a part that does not fit.
        wanted = {"Range": f"bytes={at}-{stop - 1}", "If-Range": remote.etag}
        answer: Answer = yield Fetch(remote.url, wanted, partial(_check_part, remote, at, stop), put)
        error: ThemisError = ConnectionLostError(f"{remote.url} broke off before its end.")
        pause = 0
        if isinstance(answer, httpx.RequestError):
            error = ConnectionLostError(f"The download broke off ({said(answer)}).")
        elif answer.status_code in TRANSIENT:
            error, pause = error_of(answer), retry_after(answer)
        elif not answer.is_success:
            raise error_of(answer)
        if parts.place(number) < stop:
            yield Sleep(patience.after(error, at_least=pause))


def _check_part(remote: Remote, at: int, stop: int, response: httpx.Response) -> None:
    """The answer is the part that was asked for, of the same file."""
    expected = f"bytes {at}-{stop - 1}/{remote.num_bytes}"
    if response.headers.get("ETag") != remote.etag:
        raise ConflictError(f"{remote.url} is another file now; download it anew.", code="file_changed")
    whole = response.status_code == 200 and (at, stop) == (0, remote.num_bytes)
    if not whole and response.headers.get("Content-Range") != expected:
        raise ConflictError(
            f"{remote.url} does not send parts of its file; is there a proxy that takes Range away?",
            code="no_range",
        )


@contextmanager
def only_here(path: Path, *, what: str) -> Iterator[BinaryIO]:
    """The file at `path`, made where it is not there and held against other processes: ConflictError for the second.

    The system lets go of it when this process is killed.
    """
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"Another process writes {what} now.") from None
        yield file


def _complete_lines(file: BinaryIO) -> list[str]:
    file.seek(0)
    # What follows the last LF was being written when the process was killed.
    *lines, _ = file.read().decode(errors="replace").split("\n")
    return lines


def _name(disposition: str) -> str:
    """The name that a download suggests, with no folder in it."""
    found = NAMED.search(disposition)
    if found is None:
        return "download"
    name = unquote(found[1]) if found[1] else found[2] or found[3]
    # A server does not choose the folder: of ../../x it is x.
    return Path(name.replace("\\", "/")).name.strip(". ") or "download"
