"""A shard: an immutable folder with samples, their byte-offset index, their fields' spans and their columns."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.engine.shards.fields import Field
from themisdb_datasets.errors import CorruptError, NotFoundError

__all__ = ["Field", "Shard", "describe_file", "map_file"]

FORMAT_VERSION = 1
SAMPLES = "samples.jsonl"
FILES = "index/file_location.txt"
LOCATIONS = "index/sample_locations.bin"
SPANS = "index/spans.bin"
COLUMNS = "columns.parquet"
MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class Shard:
    """An opened shard. All is memory-mapped and read-only, so any number of threads may read one at the same time.

    `locations` is uint64 [num_samples, 3]: 0, byte offset, number of bytes with the LF. `spans` is uint32
    [num_samples, span fields, 2]: offset in the line and length of the raw JSON value, length 0 where it is absent.
    """

    path: Path
    manifest: dict[str, Any]
    fields: tuple[Field, ...]
    buffer: pa.Buffer = field(repr=False)  # samples.jsonl
    locations: npt.NDArray[np.uint64] = field(repr=False)
    spans: npt.NDArray[np.uint32] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> "Shard":
        """Open the shard in folder `path`. NotFoundError: it is not there. CorruptError: it is not as its manifest says."""
        path = Path(path)
        manifest = read_manifest(path)
        # Sizes only, for shards are opened all the time; computing the digests is for those who verify.
        for name, known in manifest["files"].items():
            file = path / name
            size = file.stat().st_size if file.is_file() else None
            if size != known["num_bytes"]:
                found = "is missing" if size is None else f"has {size:,} bytes"
                raise CorruptError(
                    f"{name} of shard {path.name} {found}; it should have {known['num_bytes']:,} bytes."
                )
        num_samples, num_spans = manifest["num_samples"], manifest["num_spans"]
        locations = np.frombuffer(map_file(path / LOCATIONS), np.uint64)
        spans = np.frombuffer(map_file(path / SPANS), np.uint32)
        buffer = map_file(path / SAMPLES)
        if (locations.size, spans.size, buffer.size) != (
            num_samples * 3,
            num_samples * num_spans * 2,
            manifest["num_bytes"],
        ):
            raise CorruptError(f"The index of shard {path.name} does not fit its {num_samples:,} samples.")
        return cls(
            path=path,
            manifest=manifest,
            fields=tuple(Field.from_json(document) for document in manifest["fields"]),
            buffer=buffer,
            locations=locations.reshape(num_samples, 3),
            spans=spans.reshape(num_samples, num_spans, 2),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of samples.jsonl, in hexadecimal."""
        return str(self.manifest["files"][SAMPLES]["sha256"])

    @property
    def num_samples(self) -> int:
        return int(self.manifest["num_samples"])

    @property
    def num_bytes(self) -> int:
        """Of samples.jsonl."""
        return int(self.manifest["num_bytes"])

    @property
    def rest_column(self) -> str | None:
        """The column that holds the fields beyond the first 256 as one JSON object, if there are any."""
        name = self.manifest["rest_column"]
        return None if name is None else str(name)

    @property
    def columns_path(self) -> Path:
        return self.path / COLUMNS

    def field(self, name: str) -> Field | None:
        """The field of this name (a member of an object: `object.member`), if any sample has it."""
        return self._by_name.get(name)

    def line(self, index: int) -> bytes:
        """Sample `index` (0-based) as it is in samples.jsonl, without its LF. IndexError outside the shard."""
        if not 0 <= index < self.num_samples:
            raise IndexError(index)
        _, offset, size = self.locations[index].tolist()
        return self._view[offset : offset + size - 1].tobytes()

    @cached_property
    def _view(self) -> memoryview:
        return memoryview(self.buffer)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {known.name: known for known in self.fields}


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in a shard's folder."""
    try:
        manifest: dict[str, Any] = msgspec.json.decode((path / MANIFEST).read_bytes(), type=dict[str, Any])
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no shard {path.name}.") from error
    except msgspec.DecodeError as error:
        raise CorruptError(f"The manifest of shard {path.name} is not readable.") from error
    if manifest.get("format_version") != FORMAT_VERSION:
        raise CorruptError(
            f"Shard {path.name} has format version {manifest.get('format_version')}; this program reads {FORMAT_VERSION}."
        )
    return manifest


def map_file(path: Path) -> pa.Buffer:
    """The file's bytes, memory-mapped; unlike Python's mmap this holds no file descriptor."""
    if path.stat().st_size == 0:
        return pa.py_buffer(b"")
    with pa.memory_map(str(path), "r") as file:
        return file.read_buffer()


class MappedFile:
    """A file's bytes by slices, for indexes over more files than a process has descriptors."""

    def __init__(self, path: Path) -> None:
        self._bytes = memoryview(map_file(path))

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, part: slice, /) -> bytes:
        return bytes(self._bytes[part])


def describe_file(path: Path) -> dict[str, Any]:
    """A file as a manifest lists it: its SHA-256 and its size."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "num_bytes": path.stat().st_size}
