"""Uploads: a file in parts that goes on where it broke off, also in another process."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx

from themisdb_datasets.connection import Backoff, Patience, Server, answer_of
from themisdb_datasets.errors import ConflictError, GoneError, MalformedError, NotFoundError

PART_BYTES = 8 << 20  # the server takes at most 16 MB
KEPT_SECONDS = 7 * 24 * 3600  # the server forgets uploads that nobody has touched for so long

Report = Callable[[int, int], None]  # bytes done, in all


class Asks(Protocol):
    """A client."""

    server: Server
    backoff: Backoff

    def get(self, path: str) -> Any: ...
    def post(self, path: str, body: Any) -> Any: ...
    def request(self, method: str, path: str, *, repeatable: bool, **options: Any) -> httpx.Response: ...


def upload(client: Asks, path: Path, *, report: Report = lambda done, total: None) -> str:
    """Send the file; answers the id of the upload, which an ingest takes.

    Its id is noted, so that the same file, called again, goes on with it, or is there already until an ingest has used it.
    MalformedError: there is no such file, or it is empty. ConflictError: it changed meanwhile.
    """
    try:
        before = _identity(path)
    except FileNotFoundError:
        raise MalformedError(f"There is no file {path}.", fields={"file": str(path)}) from None
    note = note_of("uploads", f"{client.server.base_url}\n{file_identity(path)}")
    standing = _known(client, note)
    if standing is None:
        standing = client.post("uploads/", {"filename": path.name, "num_bytes": path.stat().st_size})
        note.write_text(standing["id"])
    at, num_bytes = standing["received"], standing["num_bytes"]
    with path.open("rb") as file:
        report(at, num_bytes)
        while at < num_bytes:
            file.seek(at)
            part = file.read(min(PART_BYTES, num_bytes - at))
            if _identity(path) != before or not part:
                raise ConflictError(f"{path} changed while it was sent; send it again.", code="file_changed")
            at = _send(client, standing["url"], part, at)
            report(at, num_bytes)
    upload_id: str = standing["id"]
    return upload_id


def _send(client: Asks, url: str, part: bytes, at: int) -> int:
    """Send a part; answers where the upload stands, which says whether one that nobody acknowledged has come."""
    patience = Patience(client.backoff, known=True)
    headers = {"Upload-Offset": str(at), "Content-Type": "application/octet-stream"}
    while True:
        try:
            answer = client.request("PATCH", url, repeatable=True, content=part, headers=headers)
        except ConflictError as error:
            if (
                error.code == "upload_busy"
            ):  # the server has not noticed yet that our last connection is broken
                time.sleep(patience.after(error))
                continue
            received = error.fields.get("received")
            if not isinstance(received, int):
                raise
            return received
        return int(answer_of(answer)["received"])


def _known(client: Asks, note: Path) -> dict[str, Any] | None:
    """The upload that an earlier call began with this file, as it is there now."""
    try:
        standing: dict[str, Any] = client.get(f"uploads/{note.read_text()}/")
    except (FileNotFoundError, NotFoundError, GoneError):
        return None
    return standing if standing["state"] in ("open", "complete") else None


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
