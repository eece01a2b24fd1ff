"""Uploads: a file in parts that goes on where it broke off, also in another process."""

import hashlib
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from themisdb_datasets.client.asking import asking
from themisdb_datasets.client.connection import Backoff, Patience, Server, answer_of, part_of
from themisdb_datasets.client.steps import Sleep, Steps, Work
from themisdb_datasets.errors import ConflictError, GoneError, MalformedError, NotFoundError
from themisdb_datasets.progress import Report

PART_BYTES = 8 << 20  # the server takes at most 16 MB
KEPT_SECONDS = 7 * 24 * 3600  # the server forgets uploads that nobody has touched for so long


def uploading(server: Server, backoff: Backoff, path: Path, *, report: Report) -> Steps[str]:
    """Send the file; answers the id of the upload, which an ingest takes.

    Its id is noted, so that the same file, called again, goes on with it, or is there already until an ingest has used it.
    MalformedError: there is no such file, or it is empty. ConflictError: it changed meanwhile.
    """
    try:
        before = _identity(path)
    except FileNotFoundError:
        raise MalformedError(f"There is no file {path}.", fields={"file": str(path)}) from None
    note = note_of("uploads", f"{server.base_url}\n{file_identity(path)}")
    standing = yield from _known(server, backoff, note)
    if standing is None:
        body = {"filename": path.name, "num_bytes": path.stat().st_size}
        answer = yield from asking(server, backoff, "POST", "uploads/", json=body)
        standing = answer_of(answer)
        note.write_text(part_of(standing, "id"))
    at, num_bytes = standing["received"], standing["num_bytes"]
    with path.open("rb") as file:
        report(at, num_bytes)
        while at < num_bytes:
            part: bytes = yield Work(partial(_read, file, at, min(PART_BYTES, num_bytes - at)))
            if _identity(path) != before or not part:
                raise ConflictError(f"{path} changed while it was sent; send it again.", code="file_changed")
            at = yield from _sending(server, backoff, standing["url"], part, at)
            report(at, num_bytes)
    upload_id: str = standing["id"]
    return upload_id


def _sending(server: Server, backoff: Backoff, url: str, part: bytes, at: int) -> Steps[int]:
    """Send a part; answers where the upload stands, which says whether one that nobody acknowledged has come."""
    patience = Patience(backoff, known=True)
    headers = {"Upload-Offset": str(at), "Content-Type": "application/octet-stream"}
    while True:
        try:
            answer = yield from asking(
                server, backoff, "PATCH", url, repeatable=True, content=part, headers=headers
            )
        except ConflictError as error:
            if error.code == "upload_busy":
                # The server has not noticed yet that our last connection is broken.
                yield Sleep(patience.after(error))
                continue
            received = error.fields.get("received")
            if not isinstance(received, int):
                raise
            return received
        return int(part_of(answer_of(answer), "received"))


def _known(server: Server, backoff: Backoff, note: Path) -> Steps[dict[str, Any] | None]:
    """The upload that an earlier call began with this file, as it is there now."""
    try:
        answer = yield from asking(server, backoff, "GET", f"uploads/{note.read_text()}/")
    except (FileNotFoundError, NotFoundError, GoneError):
        return None
    standing: dict[str, Any] = answer_of(answer)
    return standing if part_of(standing, "state") in ("open", "complete") else None


def _read(file: BinaryIO, at: int, num_bytes: int) -> bytes:
    file.seek(at)
    return file.read(num_bytes)


def note_of(kind: str, identity: str) -> Path:
    """Where something is noted for a later process; what is older than a week is forgotten."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "themis" / kind
    folder.mkdir(parents=True, exist_ok=True)
    _forget_old(folder)
    return folder / hashlib.sha256(identity.encode()).hexdigest()


def file_identity(path: Path) -> str:
    """This very file with its present content."""
    return f"{path.resolve()}\n{_identity(path)}"


def _forget_old(folder: Path) -> None:
    for note in folder.iterdir():
        if note.stat().st_mtime < time.time() - KEPT_SECONDS:
            note.unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
