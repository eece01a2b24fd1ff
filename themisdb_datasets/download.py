"""Downloads: parts side by side, going on after any break, checked by their SHA-256 and put in place whole."""

import base64
import binascii
import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import httpx

from themisdb_datasets.artifacts import place_file
from themisdb_datasets.connection import TRANSIENT, Backoff, Patience, error_of, retry_after, said
from themisdb_datasets.errors import (
    CancelledError,
    ConflictError,
    ConnectionLostError,
    CorruptError,
    ThemisError,
)

PART_BYTES = 8 << 20
NOTED_BYTES = 1 << 20  # of a part, after which it is noted how far it is
AT_ONCE = 4
NAMED = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]+)\"|filename=([^;\s]+)")
DIGEST = re.compile(r"sha-256=:?([A-Za-z0-9+/=]+)")

Report = Callable[[int, int], None]  # bytes done, in all


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


def find(http: httpx.Client, url: str, *, backoff: Backoff, known: bool = False) -> Remote:
    """The file at `url`; `known`: its server has answered before."""
    patience = Patience(backoff, known=known)
    while True:
        try:
            response = http.head(url)
            if not response.is_success:
                response = http.get(url, headers={"Range": "bytes=0-0"})  # a HEAD's answer does not say why
        except httpx.TransportError as broken:
            time.sleep(patience.after(_lost(broken)))
            continue
        if response.is_success:
            return Remote.of(response, url)
        error = error_of(response)
        if response.status_code not in TRANSIENT:
            raise error
        time.sleep(patience.after(error, at_least=retry_after(response)))


def download(
    http: httpx.Client,
    remote: Remote,
    path: Path,
    *,
    backoff: Backoff | None = None,
    at_once: int = AT_ONCE,
    replace: bool = False,
    report: Report = lambda done, total: None,
) -> None:
    """Bring the file to `path`; what an earlier call left half done beside it is gone on with.

    A file that is there with the right content stays. ConflictError: there is another one (`replace` allows that), or
    another process downloads it. CorruptError: what came is not what was promised, and is gone.
    """
    if path.is_file() and path.stat().st_size == remote.num_bytes and sha256_of(path) == remote.sha256:
        report(remote.num_bytes, remote.num_bytes)
        return
    if path.exists() and (path.is_dir() or not replace):
        raise ConflictError(
            f"{path} is there already and is something else; remove it or choose another name."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    with only_here(path.with_name(f"{path.name}.part.done"), what=path.name) as noted:
        with Draft(draft, noted, remote, report=report) as parts:
            _fetch_all(http, parts, backoff or Backoff(), at_once)
        if sha256_of(draft) != remote.sha256:
            draft.unlink()
            Path(noted.name).unlink()
            raise CorruptError(
                f"What came for {path.name} has another SHA-256 than promised; download it anew."
            )
        place_file(draft, path)
        Path(noted.name).unlink()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Draft:
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
        os.truncate(self._file, remote.num_bytes)
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
        if self._stopped.is_set():
            raise CancelledError("The download was stopped.")
        place, (start, stop) = self.place(number), self.span(number)
        data = data[: stop - place]
        os.pwrite(self._file, data, place)
        place += len(data)
        with self._lock:
            self._places[number] = place
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
        self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until no more is wanted."""
        self._stopped.wait(seconds)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, *error: object) -> None:
        for number, place in self._places.items():
            if self._known.get(number) != place:
                self._note(number)
        self._noted.flush()
        os.close(self._file)


def _fetch_all(http: httpx.Client, parts: Draft, backoff: Backoff, at_once: int) -> None:
    with ThreadPoolExecutor(at_once, thread_name_prefix="themis-download") as pool:
        try:
            for _ in pool.map(partial(_fetch, http, parts, backoff), parts.missing):
                pass
        finally:
            parts.stop()


def _fetch(http: httpx.Client, parts: Draft, backoff: Backoff, number: int) -> None:
    """Bring one part, however often the connection breaks."""
    _, stop = parts.span(number)
    patience = Patience(backoff, known=True)
    remote = parts.remote
    while (at := parts.place(number)) < stop:
        wanted = {"Range": f"bytes={at}-{stop - 1}", "If-Range": remote.etag}
        error: ThemisError = ConnectionLostError(f"{remote.url} broke off before its end.")
        pause = 0
        try:
            with http.stream("GET", remote.url, headers=wanted) as response:
                if response.status_code in TRANSIENT:
                    response.read()
                    error, pause = error_of(response), retry_after(response)
                else:
                    _check_part(response, remote, at, stop)
                    for data in response.iter_raw():
                        parts.put(number, data)
                        patience.renew()
        except httpx.TransportError as broken:
            error = _lost(broken)
        if parts.place(number) < stop:
            parts.wait(patience.after(error, at_least=pause))


def _check_part(response: httpx.Response, remote: Remote, at: int, stop: int) -> None:
    """The answer is the part that was asked for, of the same file."""
    if not response.is_success:
        response.read()
        raise error_of(response)
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
    *lines, _ = file.read().decode(errors="replace").split("\n")
    return lines


def _name(disposition: str) -> str:
    """The name that a download suggests, with no folder in it."""
    found = NAMED.search(disposition)
    if found is None:
        return "download"
    name = unquote(found[1]) if found[1] else found[2] or found[3]
    return Path(name.replace("\\", "/")).name.strip(". ") or "download"


def _lost(error: httpx.TransportError) -> ConnectionLostError:
    return ConnectionLostError(f"The download broke off ({said(error)}).")
