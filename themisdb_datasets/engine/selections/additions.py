"""What a version adds to a selection: the samples that the criteria keep and the version before did not have."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.kernels.npy import NpyWriter
from themisdb_datasets.engine.query.duck import DuckLimits, batches, connect
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import Selection, SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion

SCHEME = "themis additions 1"
BATCH = 65_536


def added(
    criteria: Criteria, *, before: OpenVersion, after: OpenVersion, digest: str, cache: SelectionCache
) -> tuple[OpenVersion, Selection]:
    """What `after`, of this digest, adds in stored order, as a selection of the version that is answered with it.

    Where shards were appended these are the samples behind the old ones, equal ones included; otherwise those whose
    content `before` does not have. It costs what changed, unless what is unique has to be found among all samples.
    """
    appended = after.part_names[: len(before.parts)] == before.part_names
    if appended and criteria.unique is None:
        tail = OpenVersion(after.parts[len(before.parts) :], after.deleted[len(before.parts) :])
        return tail, cache.get(tail, _digest([SCHEME, *tail.part_names]), criteria)
    selection = cache.get(after, digest, criteria)
    if appended:
        return after, selection.part(
            slice(int(np.searchsorted(selection.positions, before.num_samples)), None)
        )
    names = [name for version in (before, after) for name in (*version.part_names, "-")]
    fill = partial(_fill, selection=selection, before=before, after=after, limits=cache.limits)
    return after, cache.selection(_digest([SCHEME, criteria.key(digest), *names]), fill)


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _fill(
    folder: Path, *, selection: Selection, before: OpenVersion, after: OpenVersion, limits: DuckLimits | None
) -> None:
    """Write the part of `selection` that `before` does not have."""
    columns: dict[str, npt.NDArray[Any]] = {"positions": selection.positions, "weights": selection.weights}
    if selection.factors is not None:
        columns["factors"] = selection.factors
    with ExitStack() as files:
        writers = {
            name: files.enter_context(NpyWriter(folder / f"{name}.npy", column.dtype, column.shape[1:]))
            for name, column in columns.items()
        }
        for new in _new_positions(before, after, limits):
            # Both are sorted: a new sample is selected where it is found among the selected ones.
            places = np.searchsorted(selection.positions, new)
            inside = places < selection.num_samples
            places, new = places[inside], new[inside]
            places = places[selection.positions[places] == new]
            for name, column in columns.items():
                writers[name].append(column[places])
    (folder / "counts.json").write_bytes(msgspec.json.encode(selection.counts))


def _new_positions(
    before: OpenVersion, after: OpenVersion, limits: DuckLimits | None
) -> Iterator[npt.NDArray[np.int64]]:
    """The positions in `after` of samples that `before` does not have, ascending; memory is DuckDB's, which spills."""
    old = set(before.part_names)
    fresh = [number for number, name in enumerate(after.part_names) if name not in old]
    tables = {"old": (before, range(len(before.parts))), "new": (after, fresh)}
    with connect([*before.folders, *after.folders], limits=limits) as connection:
        for name, (version, numbers) in tables.items():
            connection.execute(f"CREATE TEMP TABLE {name} (place BIGINT, id BLOB)")
            for number in numbers:
                query = version.query(number)
                select = (
                    f"SELECT file_row_number + {version.row_starts[number]}, sample_id FROM {query.source()}"
                )
                connection.execute(f"INSERT INTO {name} {select}", query.arguments(select))
        rows = connection.sql("SELECT place FROM new ANTI JOIN old USING (id) ORDER BY place")
        for batch in batches(rows, rows=BATCH):
            yield after.positions_of(batch.column(0).to_numpy())
