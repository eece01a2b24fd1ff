"""The difference of two versions by their key: what was added, removed and changed, kept as files of positions.

A key is a key only where it is found once in each version that has it. Samples without the key field, and those whose
key is repeated in either version, are compared by content: equal lines pair off in stored order, others are added or
removed. A field has changed where its JSON value is spelled otherwise.
"""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.kernels.npy import NpyWriter
from themisdb_datasets.engine.query.duck import Connection, DuckLimits, Relation, batches, connect
from themisdb_datasets.engine.versions.edits import load_keys
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.vectors import Ints

SCHEME = "themis diff 1"
MAX_NAMES = 1_000  # fields that are told apart; what comes later counts as OTHERS
OTHERS = "…"
BATCH = 16_384
DECODE = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
NUMBERED = "row_number() OVER (PARTITION BY sample_id ORDER BY place)"


class DiffCounts(msgspec.Struct, frozen=True):
    """How many samples differ and how; `fields` says in how many changed samples each top-level field differs."""

    added: int
    removed: int
    changed: int
    unchanged: int
    fields: dict[str, int]


@dataclass(frozen=True)
class Diff:
    """What is in one version and not in another; memory-mapped.

    `added` are positions in the version, `removed` in the one it is compared with, `changed` [samples, 2] in both.
    The fields that differ in changed sample i are `names[flat[starts[i]:starts[i + 1]]]`.
    """

    counts: DiffCounts
    added: Ints
    removed: Ints
    changed: Ints
    starts: Ints
    flat: npt.NDArray[np.uint16]

    @classmethod
    def open(cls, path: Path) -> "Diff":
        """Open the difference that was filled into the folder `path`."""
        counts = msgspec.json.decode((path / "counts.json").read_bytes(), type=DiffCounts)
        names = ("added", "removed", "changed", "starts", "flat")
        return cls(counts, *(np.load(path / f"{name}.npy", mmap_mode="r") for name in names))

    @property
    def names(self) -> list[str]:
        return list(self.counts.fields)

    def fields_of(self, row: int) -> list[str]:
        """The fields that differ in changed sample `row`."""
        return [self.names[i] for i in self.flat[self.starts[row] : self.starts[row + 1]].tolist()]

    def rows(self, field: str) -> Ints:
        """The changed samples, by their place in `changed`, in which a field differs."""
        places = np.flatnonzero(self.flat == self.names.index(field))
        found: Ints = np.searchsorted(self.starts, places, side="right") - 1
        return found


def diff_key(version_digest: str, against_digest: str, *, key_field: str) -> str:
    """What the difference is kept under (64 hex digits): versions never change."""
    document = [SCHEME, version_digest, against_digest, key_field]
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()


def fill(
    folder: Path,
    version: OpenVersion,
    against: OpenVersion,
    *,
    key_field: str,
    limits: DuckLimits | None = None,
) -> None:
    """Compare `version` with `against` and write the files of a `Diff` into `folder`."""
    with ExitStack() as stack:
        connection = stack.enter_context(connect([*version.folders, *against.folders], limits=limits))
        load_keys(connection, "a", version, key_field)
        load_keys(connection, "b", against, key_field)
        _match(connection)
        select = "SELECT a FROM pairs WHERE b IS NULL ORDER BY a"
        added = _write(folder / "added.npy", connection.sql(select), version)
        select = "SELECT b FROM pairs WHERE a IS NULL ORDER BY b"
        removed = _write(folder / "removed.npy", connection.sql(select), against)
        select = "SELECT a, b FROM pairs WHERE differs ORDER BY a"
        changed = _write(folder / "changed.npy", connection.sql(select), version, against)
    fields = _compare(folder, version, against)
    counts = DiffCounts(added, removed, changed, version.num_samples - added - changed, fields)
    (folder / "counts.json").write_bytes(msgspec.json.encode(counts))


def _match(connection: Connection) -> None:
    """The table `pairs` of rows in both versions, NULL where there is none; equal samples are left out."""
    once = " UNION ALL ".join(f"SELECT key FROM {t} GROUP BY key HAVING count(*) > 1" for t in "ab")
    connection.execute(f"CREATE TABLE repeated AS SELECT DISTINCT key FROM ({once}) WHERE key IS NOT NULL")
    sides = []
    for table in "ab":
        by_key = f"SELECT place, sample_id, key, 0 AS n FROM {table} ANTI JOIN repeated USING (key) WHERE key IS NOT NULL"
        others = f"SELECT * FROM {table} WHERE key IS NULL OR key IN (SELECT key FROM repeated)"
        # A content id is told from a key by its number, which starts at 1.
        by_content = f"SELECT place, sample_id, hex(sample_id) AS key, {NUMBERED} AS n FROM ({others})"
        sides.append(f"({by_key} UNION ALL {by_content})")
    connection.execute(
        "CREATE TABLE pairs AS SELECT x.place AS a, y.place AS b,"
        " a IS NOT NULL AND b IS NOT NULL AS differs"
        f" FROM {sides[0]} x FULL JOIN {sides[1]} y ON x.key = y.key AND x.n = y.n"
        " WHERE x.sample_id IS DISTINCT FROM y.sample_id"
    )


def _write(path: Path, found: Relation, *versions: OpenVersion) -> int:
    """Write the positions of the rows that a query finds, one column a version; how many these are."""
    total = 0
    with NpyWriter(path, np.int64, (len(versions),) if len(versions) > 1 else ()) as file:
        for batch in batches(found, rows=BATCH):
            rows = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
            columns = [version.positions_of(row) for version, row in zip(versions, rows, strict=True)]
            file.append(np.stack(columns, axis=1) if len(columns) > 1 else columns[0])
            total += batch.num_rows
    return total


def _compare(folder: Path, version: OpenVersion, against: OpenVersion) -> dict[str, int]:
    """Write which fields each changed sample differs in; in how many samples each does, by name."""
    changed = np.load(folder / "changed.npy", mmap_mode="r")
    numbers: dict[str, int] = {}
    totals: list[int] = []
    with (
        NpyWriter(folder / "starts.npy", np.int64) as starts,
        NpyWriter(folder / "flat.npy", np.uint16) as flat,
    ):
        starts.append(np.zeros(1, np.int64))
        end = 0
        for begin in range(0, len(changed), BATCH):
            found: list[int] = []
            ends: list[int] = []
            for a, b in changed[begin : begin + BATCH].tolist():
                for number in _numbered(differing(version.line(a), against.line(b)), numbers):
                    if number == len(totals):
                        totals.append(0)
                    totals[number] += 1
                    found.append(number)
                ends.append(end + len(found))
            starts.append(np.array(ends, np.int64))
            flat.append(np.array(found, np.uint16))
            end += len(found)
    return dict(zip(numbers, totals, strict=True))


def differing(line: bytes, other: bytes) -> Iterator[str]:
    """The top-level fields that two samples do not have alike, in the order of the first."""
    members, others = DECODE(line), DECODE(other)
    for name, raw in members.items():
        known = others.pop(name, None)
        if known is None or bytes(known) != bytes(raw):
            yield name
    yield from others


def _numbered(names: Iterator[str], numbers: dict[str, int]) -> list[int]:
    """The numbers of fields, each once; new ones get the next."""
    found: dict[int, None] = {}
    for name in names:
        if name not in numbers and len(numbers) >= MAX_NAMES:
            name = OTHERS
        found[numbers.setdefault(name, len(numbers))] = None
    return list(found)
