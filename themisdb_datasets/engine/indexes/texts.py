"""The texts that a mapping makes of samples, as Arrow strings: a field's own text, or a template with its fields filled in."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from themisdb_datasets.engine.query.mapping import MappedValue
from themisdb_datasets.engine.shards.columns import spelled
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.vectors import Ints


def texts_of(version: OpenVersion, positions: Ints, value: MappedValue) -> pa.Array:
    """The text of each sample at `positions`, ascending; NULL where a plain field is absent or null.

    Strings come without their escapes, all other values as they are spelled in the sample. A template always has a text.
    """
    rows, starts = version.rows_of(positions), version.row_starts
    cuts = np.searchsorted(rows, starts)
    arrays = [
        _of_shard(part, rows[first:last] - start, value)
        for part, start, first, last in zip(version.parts, starts, cuts, cuts[1:], strict=False)
        if first < last
    ]
    return pa.concat_arrays(arrays) if arrays else pa.array([], pa.string())


def _of_shard(shard: Shard, rows: Ints, value: MappedValue) -> pa.Array:
    if not value.template:
        return _field(shard, rows, value.parts[0].text)
    pieces = [
        pa.scalar(part.text) if part.kind == "text" else _field(shard, rows, part.text)
        for part in value.parts
    ]
    # The empty column gives the result its length where the template names no field.
    nothing = pa.nulls(len(rows), pa.string())
    return pc.binary_join_element_wise(*pieces, nothing, "", null_handling="replace", null_replacement="")


def _field(shard: Shard, rows: Ints, name: str) -> pa.Array:
    field = shard.field(name)
    if field is None:
        return pa.nulls(len(rows), pa.string())
    return spelled(shard.buffer, shard.locations[rows, 1].astype(np.int64), shard.spans[rows, field.span])
