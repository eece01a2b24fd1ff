"""Deletions: which rows of a shard a version leaves out, as a small immutable file beside the shards.

The file holds the rows, ascending, as little-endian uint32; a shard has less than 2^30 bytes, so they fit.
"""

import hashlib
from pathlib import Path

import numpy as np

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import CorruptError, NotFoundError
from themisdb_datasets.vectors import Ints

KIND = "deletions"


def publish(rows: Ints, *, store: ArtifactStore, workdir: Path) -> str:
    """Publish the rows, which are ascending, each once; answers the digest they are found by."""
    data = rows.astype("<u4").tobytes()
    digest = hashlib.sha256(data).hexdigest()
    file = workdir / f"{digest}.rows"
    file.write_bytes(data)
    store.publish_file(file, kind=KIND, digest=digest)
    return digest


def read(path: Path, *, num_rows: int) -> Ints:
    """The rows in the file at `path`, of a shard with so many. NotFoundError, CorruptError."""
    try:
        rows = np.fromfile(path, "<u4").astype(np.int64)
    except FileNotFoundError as error:
        raise NotFoundError(f"There are no deletions {path.name}.") from error
    if len(rows) and ((np.diff(rows) <= 0).any() or rows[-1] >= num_rows):
        raise CorruptError(f"The deletions {path.name} do not belong to their shard.")
    return rows


def as_bits(rows: Ints, *, num_rows: int) -> bytes:
    """One bit a row of the shard, set where it is deleted, the first in the highest bit of the first byte."""
    bits = np.zeros(num_rows, np.bool_)
    bits[rows] = True
    return np.packbits(bits).tobytes()
