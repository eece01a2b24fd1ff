"""A plan's lines on disk: filled once a host, published whole, checked by digest, and evicted when room is needed."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import CorruptError, NotFoundError, TooLargeError
from themisdb_datasets.offsets import FILES, FOLDER, LOCATION_BYTES, LOCATIONS, OffsetIndex

KIND = "lines"
SAMPLES = "samples.jsonl"
MANIFEST = "manifest.json"
NAMES = (SAMPLES, f"{FOLDER}/{FILES}", f"{FOLDER}/{LOCATIONS}")
FORMAT_VERSION = 1
ROOM_BYTES = 16 << 20  # that are made room for at a time


class WholeLines(Protocol):
    """Whole lines of JSON, each with its LF."""

    @property
    def data(self) -> bytes: ...


class CacheManifest(msgspec.Struct, frozen=True):
    """What an entry holds; `files` are name -> SHA-256."""

    plan: str
    num_samples: int
    num_bytes: int
    files: dict[str, str]
    format_version: int = FORMAT_VERSION


class DiskCache:
    """Plans' lines under `folder`, each in the order of its plan and with data-forager's index; `max_bytes` in all.

    Any number of processes share a folder, as ranks and workers on one host do: one of them fills an entry while the others
    wait for it, and what a process has opened stays readable when it is evicted.
    """

    def __init__(self, folder: Path, *, max_bytes: int | None = None) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self._store = ArtifactStore(self.folder)

    def open(self, plan: str) -> OffsetIndex | None:
        """The lines of this plan, or None where they are not there; an entry that is not whole is removed.

        Its digests are computed when it is first opened, and again when a file is another than then.
        """
        path = self._store.path(KIND, plan)
        if not path.is_dir():
            return None
        try:
            manifest = _read_manifest(path)
            self._check(plan, path, manifest)
            index = OffsetIndex.open(path)
            if len(index) != manifest.num_samples:
                raise CorruptError(f"{path} has {len(index):,} samples, not {manifest.num_samples:,}.")
        except (FileNotFoundError, NotFoundError, CorruptError):
            self._remove(plan)
            return None
        except OSError:  # it may be whole, but this process cannot read it
            return None
        return index

    def fill(self, plan: str, blocks: Iterable[WholeLines], *, expected: int = 0) -> None:
        """Put the plan's lines in, of which `blocks` are all, unless they are there; waits while another process does.

        About `expected` bytes will come, for which room is made beforehand. TooLargeError: they are more than `max_bytes`;
        OSError: the disk is full. Then nothing is left of them.
        """
        with self._only(plan):
            if self.open(plan) is not None:
                return
            # By the plan and not by the process: whoever fills it next finds what one that was killed has
            # left, and removes it.
            draft = self.folder / "filling" / plan
            shutil.rmtree(draft, ignore_errors=True)
            self._throw_drafts_away()
            try:
                manifest = self._write(draft, plan, blocks, expected)
                self._store.publish_folder(draft, kind=KIND, digest=plan)
                self._check(plan, self._store.path(KIND, plan), manifest)
            finally:
                shutil.rmtree(draft, ignore_errors=True)

    def _write(self, draft: Path, plan: str, blocks: Iterable[WholeLines], expected: int) -> CacheManifest:
        room = self._make_room(draft, expected)
        (draft / FOLDER).mkdir(parents=True)
        size = count = 0
        samples, rows = hashlib.sha256(), hashlib.sha256()
        with (draft / SAMPLES).open("wb") as lines, (draft / FOLDER / LOCATIONS).open("wb") as locations:
            for block in blocks:
                located = _located(block.data, size)
                size, count = size + len(block.data), count + len(located)
                # The estimate was too low; making room walks over the folder, so it is made for more than one
                # block.
                if size + count * LOCATION_BYTES > room:
                    room = self._make_room(draft, size + count * LOCATION_BYTES)
                for file, digest, data in ((lines, samples, block.data), (locations, rows, located.data)):
                    file.write(data)
                    digest.update(data)
        names = f"{SAMPLES}\n".encode() if count else b""
        (draft / FOLDER / FILES).write_bytes(names)
        digests = (samples.hexdigest(), hashlib.sha256(names).hexdigest(), rows.hexdigest())
        manifest = CacheManifest(
            plan, count, size + count * LOCATION_BYTES, dict(zip(NAMES, digests, strict=True))
        )
        (draft / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return manifest

    def _check(self, plan: str, path: Path, manifest: CacheManifest) -> None:
        """CorruptError where a file is not what the manifest says. When it was used last is noted, and of which files."""
        note = self.folder / "used" / plan
        seen = repr([_identity(path / name) for name in NAMES])
        with suppress(OSError):
            if note.read_text() == seen:
                note.touch()
                return
        for name in NAMES:
            with (path / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != manifest.files.get(name):
                    raise CorruptError(f"{path / name} is damaged.")
        # Where no note can be written, as on a disk that is full or only read, they are computed every time.
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            draft = note.with_name(f".{plan}.{os.getpid()}")
            draft.write_text(seen)
            draft.replace(note)

    def _make_room(self, draft: Path, num_bytes: int) -> int:
        """Remove the entries that were used longest ago until `draft` may have so many bytes; answers how many it may have.

        What others are filling counts too.
        """
        if self.max_bytes is None:
            return sys.maxsize
        if num_bytes > self.max_bytes:
            raise TooLargeError(
                f"The plan's lines are more than the cache may hold, {self.max_bytes:,} bytes."
            )
        sizes = {plan: _size(self._store.path(KIND, plan)) for plan in self._store.digests(KIND)}
        others = sum(_size(other) for other in draft.parent.glob("*") if other != draft)
        left = self.max_bytes - others - sum(sizes.values())
        for plan in sorted(sizes, key=self._last_used):
            if left >= num_bytes:
                break
            self._remove(plan)
            left += sizes[plan]
        if left < num_bytes:
            raise TooLargeError("The cache has no room for these lines beside those that others are filling.")
        return min(left, num_bytes + ROOM_BYTES)

    def _remove(self, plan: str) -> None:
        with suppress(OSError):  # another process does so too, or may and this one may not
            self._store.remove_folder(KIND, plan)
            (self.folder / "used" / plan).unlink(missing_ok=True)

    def _last_used(self, plan: str) -> float:
        try:
            return (self.folder / "used" / plan).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _throw_drafts_away(self) -> None:
        """Remove what processes left behind that were killed while they filled or removed."""
        for trash in (self.folder / KIND).glob("??/.*"):
            shutil.rmtree(trash, ignore_errors=True)
        for draft in (self.folder / "filling").glob("*"):
            with suppress(BlockingIOError), self._only(draft.name, waits=False):
                shutil.rmtree(draft, ignore_errors=True)

    @contextmanager
    def _only(self, plan: str, *, waits: bool = True) -> Iterator[None]:
        """Nobody else fills this entry meanwhile; the system lets go of the lock when a process is killed."""
        path = self.folder / "locks" / plan
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:
                # Closing alone would leave it to workers that were forked in the meantime.
                fcntl.flock(lock, fcntl.LOCK_UN)


def _read_manifest(path: Path) -> CacheManifest:
    try:
        manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=CacheManifest)
    except msgspec.DecodeError as error:
        raise CorruptError(f"{path / MANIFEST} is damaged.") from error
    if manifest.format_version != FORMAT_VERSION or manifest.plan != path.name:
        raise CorruptError(f"{path / MANIFEST} belongs to something else.")
    return manifest


def _identity(path: Path) -> tuple[int, int, int]:
    # The time of the last change of any kind, which unlike that of the content nobody can set.
    status = path.stat()
    return status.st_ino, status.st_size, status.st_ctime_ns


def _size(folder: Path) -> int:
    """The bytes of all files in it that are still there."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += (Path(parent) / name).stat().st_size
    return size


def _located(lines: bytes, start: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """Where each line lies in the file that these are appended to at `start`: uint64 [n, 3]."""
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
    rows = np.zeros((len(ends), 3), np.uint64)
    rows[:, 1] = start + np.concatenate([[0], ends[:-1]]) if len(ends) else 0
    rows[:, 2] = np.diff(ends, prepend=0)
    return rows
