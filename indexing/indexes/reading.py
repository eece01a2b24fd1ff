"""Reading by an index: samples by number, and the index with its samples as one folder to download."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from indexing.models import TOKENS, Index
from themis_admin.storage import stores
from themisdb_datasets import tokens
from themisdb_datasets.engine.indexes.tar import File, HeldBytes, IndexLines, Tar
from themisdb_datasets.engine.shards.shard import MappedFile
from themisdb_datasets.errors import ConflictError, MalformedError, NotFoundError
from themisdb_datasets.offsets import OffsetIndex
from themisdb_datasets.tokens import TokenIndex

Index_ = TypeVar("Index_", OffsetIndex, TokenIndex)

SAMPLES = "samples.jsonl"
FILE_NAMES = f"{SAMPLES}\n".encode()
MAX_ASKED = 1_000
MAX_ANSWER_BYTES = 8 << 20
# How the files of a token index are called: its tokens, and where its samples lie among them.
TOKENS_BIN, TOKENS_PLACES = "tokens.bin", "token_places.bin"
# Longer ones than any index has samples, to be told that; not so long that Python would not read them.
NUMBER = re.compile(r"-?[0-9]{1,40}")
RANGE = re.compile(r"(-?[0-9]{1,40})?:(-?[0-9]{1,40})?(?::(-?[0-9]{1,40}))?")


def part_paths(row: Index, manifest: dict[str, Any] | None = None) -> list[Path]:
    """The files that the index's locations count: of a version its shards' samples, or the published file."""
    if row.artifact is not None:
        return [row.artifact.path]
    parts = (manifest or row.manifest or {}).get("parts", ())
    # A part with deletions is known by its shard's digest and by theirs.
    return [stores.store().shard_path(part.split(" ")[0]) / SAMPLES for part in parts]


def open_offsets(row: Index) -> OffsetIndex:
    """The opened index. ConflictError before it is built, NotFoundError where a file is missing."""
    return _opened(kept_paths(row)["locations.bin"], part_paths(row))


def offsets_over(locations: Path, files: Sequence[Path]) -> OffsetIndex:
    """The offset index whose locations are in a file, over as many others as there may be."""
    return OffsetIndex(locations, files, open_file=MappedFile)


class OpenIndexes(Generic[Index_]):
    """Indexes never change, so a process opens each once, and keeps those that were used last.

    What was removed meanwhile is closed, for an open file keeps its space on the disk.
    """

    def __init__(self, *, max_indexes: int = 16) -> None:
        self.max_indexes = max_indexes
        # A dict keeps the order in which keys came; one that is taken out and put in again is the newest.
        self._indexes: dict[tuple[Path, *tuple[object, ...]], Index_] = {}
        self._lock = threading.Lock()

    def get(self, locations: Path, *about: object, make: Callable[[], Index_]) -> Index_:
        """The index that `make` opens; locations may be those of several, which differ in what else is told of them."""
        key: tuple[Path, *tuple[object, ...]] = (locations, *about)
        with self._lock:
            for gone in [known for known in self._indexes if not known[0].is_file()]:
                del self._indexes[gone]
            index = self._indexes.pop(key, None)
        if index is None:
            # Outside of the lock, because opening reads from the disk.
            # Two may open the same one at once; the later one stays.
            index = make()
        with self._lock:
            self._indexes[key] = index  # the last in the dict is the one used last
            while len(self._indexes) > self.max_indexes:
                del self._indexes[next(iter(self._indexes))]
        return index


_OFFSETS: OpenIndexes[OffsetIndex] = OpenIndexes()
_TOKENS: OpenIndexes[TokenIndex] = OpenIndexes()


def _opened(locations: Path, files: Sequence[Path]) -> OffsetIndex:
    return _OFFSETS.get(locations, *files, make=lambda: offsets_over(locations, files))


def kept_paths(row: Index) -> dict[str, Path]:
    """The index's own files by name."""
    if row.published_at is None:
        message = f"The index has no files yet: it is {row.state}."
        raise ConflictError(message, code="index_unfinished")
    paths: dict[str, Path] = {ref.name: ref.artifact.path for ref in row.refs()}
    for name, path in paths.items():
        if not path.is_file():
            raise NotFoundError(f"{name} is not in the storage any more.")
    return paths


def folder_of(row: Index, paths: Mapping[str, Path]) -> Tar:
    """The index with its samples, as data-forager's `JsonlDataset` or `TokensDataset` opens it once it is unpacked."""
    if row.kind == TOKENS:
        return _tokens_folder(row.manifest or {}, paths)
    manifest = _written(row.manifest or {})
    index = _opened(paths["locations.bin"], part_paths(row))
    return Tar(
        [
            ("manifest.json", HeldBytes(manifest)),
            ("index/file_location.txt", HeldBytes(FILE_NAMES)),
            ("index/sample_locations.bin", File(paths["places.bin"])),
            (SAMPLES, IndexLines(index, paths["places.bin"])),
        ]
    )


def _written(manifest: dict[str, Any]) -> bytes:
    """The manifest as the folder's file: in one order, for PostgreSQL does not keep the one it was stored in."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1)


def _tokens_folder(manifest: dict[str, Any], paths: Mapping[str, Path]) -> Tar:
    name = manifest["samples"]
    names = f"{name}\n" if manifest["num_samples"] else ""
    return Tar(
        [
            ("manifest.json", HeldBytes(_written(manifest))),
            ("tokenizer.json", File(paths["tokenizer.json"])),
            (tokens.FILES, HeldBytes(names.encode())),
            (tokens.LOCATIONS, File(paths[TOKENS_PLACES])),
            (name, File(paths[TOKENS_BIN])),
        ]
    )


def open_tokens(row: Index) -> TokenIndex:
    """The opened token index. ConflictError before it is built, NotFoundError where a file is missing."""
    paths, manifest = kept_paths(row), row.manifest or {}
    locations, samples = paths[TOKENS_PLACES], paths[TOKENS_BIN]
    dtype, size = manifest["dtype"], manifest["sample_size"]
    return _TOKENS.get(
        locations,
        samples,
        dtype,
        size,
        make=lambda: TokenIndex(locations, [samples], dtype=dtype, sample_size=size),
    )


def samples_of(row: Index, numbers: Callable[[int], list[int]]) -> tuple[int, list[tuple[int, bytes]]]:
    """How many samples the index has, and those that `numbers` chooses, as JSON: of tokens the list of them."""
    if row.kind != TOKENS:
        index = open_offsets(row)
        return len(index), lines_of(index, numbers(len(index)))
    opened = open_tokens(row)
    asked = numbers(len(opened))
    # Written out in digits with a comma behind, a token takes up to three times its bytes.
    if sum(opened[number].nbytes for number in asked) > MAX_ANSWER_BYTES // 4:
        raise MalformedError.at(
            "ids", "These samples have too many tokens for one answer; ask for fewer, or take the blocks."
        )
    return len(opened), [(number, msgspec.json.encode(opened[number].tolist())) for number in asked]


def asked_number(text: str, *, count: int, field: str = "n") -> int:
    """The sample that a whole number names; MalformedError, NotFoundError for one outside."""
    if not NUMBER.fullmatch(text.strip()):
        raise MalformedError.at(
            field, "A sample is named by a whole number; negative ones count from the end."
        )
    return inside(int(text), count=count, field=field)


def asked_numbers(text: str, *, count: int, field: str = "ids") -> list[int]:
    """The samples that `1,5,-1,10:20` names, from 0 and below `count`; MalformedError, NotFoundError for one outside."""
    numbers: list[int] = []
    for item in text.split(","):
        item = item.strip()
        if NUMBER.fullmatch(item):
            numbers.append(inside(int(item), count=count, field=field))
        elif found := RANGE.fullmatch(item):
            parts = [None if part is None else int(part) for part in found.groups()]
            if parts[2] == 0:
                raise MalformedError.at(field, "The step of a range is not 0.")
            # As Python cuts a list: what lies outside is left out, so `0:1000000` is all of a small index.
            # Its length is known without making the numbers, and is checked before they are.
            some = range(*slice(*parts).indices(count))
            if len(some) + len(numbers) > MAX_ASKED:
                raise _too_many(field)
            numbers += some
        else:
            raise MalformedError.at(
                field, "{text!r} is no number and no range; write 3, -1 or 10:20.", text=item[:50]
            )
        if len(numbers) > MAX_ASKED:
            raise _too_many(field)
    return numbers


def inside(number: int, *, count: int, field: str) -> int:
    """The number counted from 0; negative ones count from the end."""
    if not -count <= number < count:
        raise NotFoundError.at(
            field,
            "The index has {count:,} samples, numbered from 0; there is no {number}.",
            code="outside",
            count=count,
            number=number,
        )
    return number % count


def lines_of(index: OffsetIndex, numbers: list[int]) -> list[tuple[int, bytes]]:
    """Samples with their numbers, each without its LF. MalformedError where they are too large for one answer."""
    found: list[tuple[int, bytes]] = []
    size = 0
    for number in numbers:
        line = index[number].rstrip(b"\n")
        size += len(line)
        if found and size > MAX_ANSWER_BYTES:
            raise MalformedError.at(
                "ids", "These samples have more than {most} MiB; ask for fewer.", most=MAX_ANSWER_BYTES >> 20
            )
        found.append((number, line))
    return found


def _too_many(field: str) -> MalformedError:
    return MalformedError.at(field, "At most {most:,} samples at once; ask for fewer.", most=MAX_ASKED)
