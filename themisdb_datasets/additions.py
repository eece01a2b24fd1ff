"""What a version has that the one before did not: the positions of the samples that came new."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from themisdb_datasets.duck import DuckLimits, connect
from themisdb_datasets.npy import NpyWriter
from themisdb_datasets.selection import Selection, SelectionCache
from themisdb_datasets.version import OpenVersion

SCHEME = "themis additions 1"
BATCH = 65_536


def added(
    selection: Selection, *, before: OpenVersion, after: OpenVersion, cache: SelectionCache
) -> Selection:
    """The part of `after`'s selection whose samples `before` did not have, in stored order.

    Where shards were appended these are the samples behind the old ones, equal ones included; otherwise those whose
    content `before` does not have.
    """
    if after.folders[: len(before.folders)] == before.folders:
        first = int(np.searchsorted(selection.positions, before.num_samples))
        return selection.part(slice(first, None))
    new = _new_positions(before, after, cache)
    # Both are sorted: a sample of the selection is new where it is found among the new ones.
    place = np.searchsorted(new, selection.positions)
    place[place == len(new)] = 0
    kept = np.flatnonzero(new[place] == selection.positions) if len(new) else np.empty(0, np.int64)
    return selection.part(kept)


def _new_positions(before: OpenVersion, after: OpenVersion, cache: SelectionCache) -> npt.NDArray[np.uint64]:
    names = "\n".join(
        [SCHEME, *(path.name for path in before.folders), "", *(path.name for path in after.folders)]
    )
    key = hashlib.sha256(names.encode()).hexdigest()

    def build(folder: Path) -> None:
        with NpyWriter(folder / "positions.npy", np.uint64) as positions:
            _compare(before, after, positions, cache.limits)

    def load(folder: Path) -> npt.NDArray[np.uint64]:
        found: npt.NDArray[np.uint64] = np.load(folder / "positions.npy", mmap_mode="r")
        return found

    return cache.kept(key, build, load)


def _compare(
    before: OpenVersion, after: OpenVersion, positions: NpyWriter, limits: DuckLimits | None
) -> None:
    with connect([*before.folders, *after.folders], limits=limits) as connection:
        for name, version in (("old", before), ("new", after)):
            connection.execute(f"CREATE TEMP TABLE {name} (position UBIGINT, id BLOB)")
            for start, shard in zip(version.starts.tolist(), version.parts, strict=False):
                connection.execute(
                    f"INSERT INTO {name} SELECT file_row_number + {start}, sample_id"
                    " FROM read_parquet($path, file_row_number = true)",
                    {"path": str(shard.columns_path)},
                )
        rows = connection.sql("SELECT position FROM new ANTI JOIN old USING (id) ORDER BY position")
        for batch in rows.to_arrow_reader(BATCH):
            positions.append(batch.column(0).to_numpy())
