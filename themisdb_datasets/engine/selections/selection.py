"""Selections: which samples of a version are kept, and with what weight, as an immutable file found by its key.

A selection never changes: its key is a digest of the version's digest and of the criteria written canonically. It may
be evicted at any time, for it can be built again.
"""

import errno
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.kernels.npy import NpyWriter
from themisdb_datasets.engine.query.duck import DuckLimits, connect
from themisdb_datasets.engine.query.filters import Filter
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.draws import build_draws
from themisdb_datasets.engine.selections.scan import Scan
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import CorruptError

OpenEntry = TypeVar("OpenEntry")

FORGOTTEN_SECONDS = 86_400
# What opening a file that was cut off or never written out raises: after a power failure it has its name, but not its bytes.
DAMAGED = (CorruptError, ValueError, EOFError, msgspec.MsgspecError)


@dataclass(frozen=True)
class Selection:
    """Positions in the version, ascending, and a weight for each in units of 1/10,000; memory-mapped.

    `factors` [num_samples, number of factors] are those of the weighting, where the criteria asked to explain it;
    `counts` says how many samples were left out as `duplicates` or `invalid`.
    """

    path: Path
    positions: npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
    weights: npt.NDArray[np.uint16]
    factors: npt.NDArray[np.float64] | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        return len(self.positions)

    @classmethod
    def open(cls, path: Path) -> "Selection":
        """Open the selection that was published at `path`."""
        positions = np.load(path / "positions.npy", mmap_mode="r")
        weights = np.load(path / "weights.npy", mmap_mode="r")
        factors = np.load(path / "factors.npy", mmap_mode="r") if (path / "factors.npy").exists() else None
        counts = msgspec.json.decode((path / "counts.json").read_bytes(), type=dict[str, int])
        if positions.shape != weights.shape or (factors is not None and len(factors) != len(positions)):
            raise CorruptError(
                "The selection's files do not fit together; remove it, it will be built again."
            )
        return cls(path, positions, weights, factors, counts)

    def part(self, rows: slice | npt.NDArray[np.int64]) -> "Selection":
        """Some of its samples, in the same order."""
        factors = None if self.factors is None else self.factors[rows]
        return replace(self, positions=self.positions[rows], weights=self.weights[rows], factors=factors)

    def draws(self) -> npt.NDArray[np.uint64]:
        """The table of weighted draws, built beside the selection when it is first asked for."""
        path = self.path / "draws.npy"
        try:
            with suppress(FileNotFoundError, *DAMAGED):
                if len(table := _mapped(path)) == self.num_samples:
                    return table
            # Two processes may build it at once: each writes its own file, the last one stays, and both are
            # alike.
            temporary = self.path / f".draws.{uuid.uuid4().hex}.npy"
            build_draws(self.weights, temporary)
            temporary.replace(path)
            return _mapped(path)
        except FileNotFoundError:  # evicted since it was opened; an open file outlives its folder
            with TemporaryDirectory(dir=self.path.parent.parent) as folder:
                build_draws(self.weights, Path(folder) / path.name)
                return _mapped(Path(folder) / path.name)


def _mapped(path: Path) -> npt.NDArray[np.uint64]:
    table: npt.NDArray[np.uint64] = np.load(path, mmap_mode="r")
    return table


class SelectionCache:
    """The folder of selections; what was used longest ago goes when the folder outgrows its limit."""

    def __init__(self, root: Path, *, max_bytes: int = 4 << 30, limits: DuckLimits | None = None) -> None:
        self.root = root
        self.max_bytes = max_bytes
        self.limits = limits
        self._building = [threading.Lock() for _ in range(16)]

    def get(self, version: OpenVersion, version_digest: str, criteria: Criteria) -> Selection:
        """The selection of `version` by `criteria`, built if it is not there."""

        def fill(folder: Path) -> None:
            with connect(version.readable(criteria.weighting), limits=self.limits) as connection:
                _write(folder, version, criteria, Scan(connection, version, criteria))

        return self.selection(criteria.key(version_digest), fill)

    def selection(self, key: str, fill: Callable[[Path], None]) -> Selection:
        """The selection of this key, whose folder `fill` fills if it is not there."""
        return replace(self.entry(key, fill, Selection.open), path=self.path(key))

    def entry(self, key: str, fill: Callable[[Path], None], open_: Callable[[Path], OpenEntry]) -> OpenEntry:
        """What `open_` makes of the folder of this key, which `fill` fills if it is not there.

        What is opened has to stay readable when the folder moves or goes, as open and mapped files do.
        """
        path = self.path(key)
        with suppress(FileNotFoundError):
            return _used(path, open_)
        # Who wants the same at once waits for one build of it; others go on side by side.
        with self._building[int(key[-1], 16)]:
            with suppress(FileNotFoundError):
                return _used(path, open_)
            built = _published(path, fill, open_)
        self.evict(keep=path)
        return built

    def path(self, key: str) -> Path:
        """The folder of this key, whether there is one or not."""
        return self.root / key[:2] / key

    def evict(self, *, keep: Path) -> None:
        """Remove the selections used longest ago until the rest fits; open ones stay readable, as files do."""
        sizes: list[tuple[float, int, Path]] = []
        for path in self.root.glob("??/" + "[0-9a-f]" * 64):
            try:
                size = sum(entry.stat().st_size for entry in path.iterdir())
                sizes.append((path.stat().st_mtime, size, path))
            except FileNotFoundError:
                continue  # another process evicted it
        total = sum(size for _, size, _ in sizes)
        for _, size, path in sorted(sizes):
            if total <= self.max_bytes:
                break
            if path != keep:
                _remove(path)
                total -= size
        for path in self.root.glob("??/.*"):
            # What a process was making when it was killed.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - FORGOTTEN_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)


def _used(path: Path, open_: Callable[[Path], OpenEntry]) -> OpenEntry:
    """What is kept there. FileNotFoundError: nothing, or nothing whole any more; that is taken away."""
    try:
        opened = open_(path)
    except (FileNotFoundError, *DAMAGED) as error:
        _remove(path)
        raise FileNotFoundError(path) from error
    with suppress(FileNotFoundError):  # evicted just now; what is open stays readable
        os.utime(path)  # the time of last use, for eviction
    return opened


def _published(path: Path, fill: Callable[[Path], None], open_: Callable[[Path], OpenEntry]) -> OpenEntry:
    """Fill a new folder and publish it at `path`, whole or not at all.

    It is opened before that, for it may be evicted as soon as others see it.
    """
    temporary = _hidden(path)
    temporary.mkdir(parents=True)
    try:
        fill(temporary)
        opened = open_(temporary)
        try:
            temporary.rename(path)
        except OSError as error:
            if error.errno not in (
                errno.EEXIST,
                errno.ENOTEMPTY,
            ):  # somebody else built the same one meanwhile
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return opened


def _remove(path: Path) -> None:
    """Take a folder away, whole: nobody finds a part of it."""
    hidden = _hidden(path)
    with suppress(FileNotFoundError):
        # Renaming is one step, removing is not.
        path.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _hidden(path: Path) -> Path:
    return path.parent / f".{path.name}.{uuid.uuid4().hex}"


def _write(folder: Path, version: OpenVersion, criteria: Criteria, scan: Scan) -> None:
    num_factors = len(criteria.weighting.factors) if criteria.explain else 0
    with ExitStack() as files:
        small = np.uint32 if version.num_samples < 1 << 32 else np.uint64
        positions = files.enter_context(NpyWriter(folder / "positions.npy", small))
        weights = files.enter_context(NpyWriter(folder / "weights.npy", np.uint16))
        factors = None
        if criteria.explain:
            factors = files.enter_context(NpyWriter(folder / "factors.npy", np.float64, (num_factors,)))
        for batch in scan:
            positions.append(batch.positions)
            weights.append(batch.weights)
            if factors is not None:
                factors.append(batch.factors)
    (folder / "counts.json").write_bytes(msgspec.json.encode(scan.counts))


def count(version: OpenVersion, filters: Sequence[Filter], *, limits: DuckLimits | None = None) -> list[int]:
    """How many samples of the version each filter keeps."""
    totals = [0] * len(filters)
    if not filters:
        return totals
    with connect(version.folders, limits=limits) as connection:
        for number in range(len(version.parts)):
            query = version.query(number)
            counts = ", ".join(f"count(*) FILTER (WHERE {item.to_sql(query)})" for item in filters)
            statement = f"SELECT {counts} FROM {query.source()}"
            row = connection.execute(statement, query.arguments(statement)).fetchone()
            assert row is not None  # an aggregate without GROUP BY always has its one row
            totals = [total + found for total, found in zip(totals, row, strict=True)]
    return totals
