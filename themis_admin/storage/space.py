"""Room on the disk, asked for before something large is started; and how much a file may unpack to."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from themisdb_datasets.engine.sources.source import Source
from themisdb_datasets.engine.sources.unpacking import UnpackingLimits
from themisdb_datasets.errors import TooLargeError

ESTIMATED_FROM = 8 * 1024 * 1024


def check_room(num_bytes: int, *, folder: Path, what: str) -> None:
    """TooLargeError with the figures unless `num_bytes` fit on `folder`'s disk and leave the reserve free."""
    free = free_bytes(folder)
    reserve = settings.THEMIS.min_free_bytes
    if num_bytes + reserve > free:
        raise TooLargeError(
            f"{what} needs about {_decimal(num_bytes)} and {_decimal(reserve)} must stay free, "
            f"but the disk has {_decimal(free)} left. Free some space or remove a dataset.",
            code="no_space",
            fields={"needed_bytes": num_bytes, "reserved_bytes": reserve, "free_bytes": free},
        )


def free_bytes(folder: Path) -> int:
    """The bytes that are free for us on the disk that holds `folder`, which need not exist yet."""
    # The nearest folder that exists, which is on the same disk
    # unless somebody mounts another one there afterwards.
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@dataclass
class Progress:
    """Passes what is done of long work on to `report(done, total)`, and stops it before it fills the disk of `folder`.

    `every` is how much is done between two looks at the free space, in the unit of the work. The room was asked for when
    the job was submitted, by an estimate; others have written since, and an archive may hold more than its first
    megabytes let expect.
    """

    report: Callable[[int, int], None]
    folder: Path
    every: int
    looked_at: int = 0

    def __call__(self, done: int, total: int) -> None:
        """TooLargeError where the disk is nearly full."""
        self.report(done, total)
        if done >= self.looked_at + self.every:
            self.looked_at = done
            free = free_bytes(self.folder)
            if free < settings.THEMIS.min_free_bytes:
                raise TooLargeError(
                    f"The disk is nearly full ({free // 1_000_000:,} MB left); nothing was kept.",
                    code="no_space",
                )


def unpacking_limits() -> UnpackingLimits:
    """How much an uploaded file may unpack to; 0 in the settings is no limit."""
    themis = settings.THEMIS
    return UnpackingLimits(themis.max_unpacked_bytes or None, themis.max_unpacked_ratio or None)


def estimate_unpacked(source: Source) -> int:
    """About how many bytes the file unpacks to, from the ratio in its first few MB."""
    read = 0
    for chunk in source.chunks():
        read += len(chunk)
        if read >= ESTIMATED_FROM:
            break
    # `done` counts packed bytes and `read` unpacked ones. A file that hides more is stopped by the unpacking
    # limits and by the look at the free space while it is ingested; this only refuses early what cannot fit.
    return read if source.done >= source.total else int(read * source.total / max(source.done, 1))


def _decimal(num_bytes: int) -> str:
    size = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already."""
    path.unlink(missing_ok=True)
