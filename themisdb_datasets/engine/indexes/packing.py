"""Building a token index: documents as tokens, packed into samples of one length or one sample each.

The files are byte for byte those of data-forager 0.2 (github.com/visionscaper/data-forager): packed, each document
ends with the EOS token, what is left of one goes on in the next sample, and the last that is not full is dropped; one
document each, there is no EOS. `tokens.py` has the layout and reads it.
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.indexes.encoding import Encoded, TextEncoder
from themisdb_datasets.engine.indexes.texts import texts_of
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer
from themisdb_datasets.engine.query.mapping import MappedValue
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.progress import ReportDone
from themisdb_datasets.tokens import (
    DTYPES,
    FILES,
    FOLDER,
    FORMAT_VERSION,
    LOCATIONS,
    MANIFEST,
    SUFFIX,
    TokenWriter,
)
from themisdb_datasets.vectors import Ints

MAX_SAMPLE_SIZE = 1 << 20
BLOCK_BYTES = 2 << 20  # of samples that are encoded together
BLOCK_SAMPLES = 8_192
MAX_THREADS = 4

Dtype = Literal["uint16", "uint32"]
PositionArray = npt.NDArray[np.integer[Any]] | range


@dataclass(frozen=True)
class Packing:
    """What a token index is made of: the text of a sample, the length of its own samples, or None for one document each.

    `eos_token` ends each document of packed samples; `dtype` None lets the vocabulary choose.
    """

    text: MappedValue
    sample_size: int | None
    eos_token: str | None = None
    dtype: Dtype | None = None

    def checked(self, tokenizer: Tokenizer) -> "CheckedPacking":
        """What follows for this tokenizer. MalformedError, ImpossibleError: it cannot be."""
        if self.sample_size is not None and not 1 <= self.sample_size <= MAX_SAMPLE_SIZE:
            raise MalformedError.at("sample_size", "A sample has 1 to {most:,} tokens.", most=MAX_SAMPLE_SIZE)
        eos = self.eos_token
        if self.sample_size is None:
            eos = None
        elif eos is None:
            eos = tokenizer.usual_eos
            if eos is None:
                raise MalformedError.at(
                    "eos_token",
                    "Name the token that ends a document; the tokenizer has none of the usual ones.",
                    code="unknown_token",
                )
        number = None if eos is None else tokenizer.number(eos)
        return CheckedPacking(self, tokenizer, _dtype(tokenizer, self.dtype), eos, number)


@dataclass(frozen=True)
class CheckedPacking:
    """A packing that its tokenizer can do."""

    packing: Packing
    tokenizer: Tokenizer
    dtype: Dtype
    eos_token: str | None
    eos_id: int | None


@dataclass
class IndexCounts:
    """What has gone into an index. `num_tokens` are all of the documents, with their EOS, also those dropped."""

    num_samples: int = 0
    num_tokens: int = 0
    num_documents: int = 0
    num_without_text: int = 0
    themes: dict[str, int] = field(default_factory=dict)


def _dtype(tokenizer: Tokenizer, wanted: Dtype | None) -> Dtype:
    fits: Dtype = "uint16" if tokenizer.vocabulary_size <= 1 << 16 else "uint32"
    if wanted == "uint16" and fits == "uint32":
        raise ImpossibleError.at(
            "dtype",
            "A vocabulary of {vocabulary_size:,} does not fit uint16, which has 65,536 numbers; take uint32, or leave it out.",
            code="dtype_too_small",
            vocabulary_size=tokenizer.vocabulary_size,
        )
    return wanted or fits


def build_tokens(
    version: OpenVersion,
    positions: PositionArray,
    packing: Packing,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    stem: str,
    report: ReportDone,
    themes: Mapping[str, npt.NDArray[np.integer[Any]]] | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Write the token index of the samples at `positions`, ascending, into `folder`; answers its manifest.

    A sample whose field is absent or null is no document; it is counted as `num_without_text`. The tokens of the
    documents at the positions of each of `themes`, ascending too, are counted apart. `report` is called with the
    samples done and may raise to stop. MalformedError, ImpossibleError: the packing cannot be; nothing is written.
    """
    checked = packing.checked(tokenizer)
    (folder / FOLDER).mkdir(parents=True)
    (folder / "index").mkdir()
    name = f"{FOLDER}/{stem}{SUFFIX}"
    counts = IndexCounts(themes=dict.fromkeys(themes or (), 0))
    with (folder / name).open("wb") as samples, (folder / LOCATIONS).open("wb") as locations:
        writer = TokenWriter(samples, locations, dtype=checked.dtype, sample_size=packing.sample_size)
        for block in _blocks(version, positions, checked, threads or min(MAX_THREADS, os.cpu_count() or 1)):
            writer.write(block.encoded.tokens, block.encoded.ends)
            _count(counts, block, themes or {})
            report(counts.num_documents + counts.num_without_text)
    counts.num_samples = writer.num_samples
    (folder / FILES).write_text(f"{name}\n" if counts.num_samples else "")
    manifest = _manifest(checked, counts, folder, name)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


@dataclass(frozen=True)
class _Block:
    """Documents that were encoded together: the positions of those that have a text, and how many have none."""

    positions: Ints
    num_without_text: int
    encoded: Encoded


def _blocks(
    version: OpenVersion, positions: PositionArray, checked: CheckedPacking, threads: int
) -> Iterator[_Block]:
    """All documents in order, encoded by several threads, of which each has at most two blocks waiting."""
    encoder = TextEncoder(checked.tokenizer, after=() if checked.eos_id is None else (checked.eos_id,))

    def encode(some: Ints) -> _Block:
        texts = texts_of(version, some, checked.packing.text)
        if texts.null_count:
            has = texts.is_valid()
            return _Block(
                some[has.to_numpy(zero_copy_only=False)], texts.null_count, encoder.encode(texts.filter(has))
            )
        return _Block(some, 0, encoder.encode(texts))

    waiting: deque[Future[_Block]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="tokens") as pool:
        try:
            for some in _cuts(version, positions):
                waiting.append(pool.submit(encode, some))
                # In their order, whichever is done first: what is written must not depend on the threads.
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _cuts(version: OpenVersion, positions: PositionArray) -> Iterator[Ints]:
    """The positions, in blocks of about 2 MB of samples."""
    for start in range(0, len(positions), BLOCK_SAMPLES):
        some = np.asarray(positions[start : start + BLOCK_SAMPLES], np.int64)
        rows = version.rows_of(some)
        ends = np.cumsum(_sizes(version, rows))
        first = 0
        while first < len(some):
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, side="right")))
            yield some[first:last]
            first = last


def _sizes(version: OpenVersion, rows: Ints) -> Ints:
    """The bytes of the samples in these rows, ascending."""
    cuts = np.searchsorted(rows, version.row_starts)
    sizes = np.empty(len(rows), np.int64)
    for part, start, first, last in zip(version.parts, version.row_starts, cuts, cuts[1:], strict=False):
        sizes[first:last] = part.locations[rows[first:last] - start, 2]
    return sizes


def _count(counts: IndexCounts, block: _Block, themes: Mapping[str, npt.NDArray[np.integer[Any]]]) -> None:
    counts.num_documents += len(block.positions)
    counts.num_without_text += block.num_without_text
    counts.num_tokens += len(block.encoded.tokens)
    if not len(block.positions):
        return
    sizes = np.diff(block.encoded.ends, prepend=0)
    # Both ascend, so of a theme only the stretch that this block can meet is compared.
    first, last = int(block.positions[0]), int(block.positions[-1])
    for theme, positions in themes.items():
        # Numbers of the array's own type: with others the whole of it would be converted.
        start = np.searchsorted(positions, positions.dtype.type(first))
        stop = np.searchsorted(positions, positions.dtype.type(last), side="right")
        counts.themes[theme] += int(sizes[np.isin(block.positions, positions[start:stop])].sum())


def _manifest(checked: CheckedPacking, counts: IndexCounts, folder: Path, name: str) -> dict[str, Any]:
    packing, tokenizer = checked.packing, checked.tokenizer
    kept = (folder / name).stat().st_size // DTYPES[checked.dtype].itemsize
    return {
        "format_version": FORMAT_VERSION,
        "kind": "tokens",
        "dtype": checked.dtype,
        "byte_order": "little",
        "vocabulary_size": tokenizer.vocabulary_size,
        "sample_size": packing.sample_size,
        "num_samples": counts.num_samples,
        "num_tokens": counts.num_tokens,
        "num_dropped_tokens": counts.num_tokens - kept,
        "num_documents": counts.num_documents,
        "num_without_text": counts.num_without_text,
        "num_tokens_by_theme": counts.themes,
        "text": packing.text.source,
        "eos_token": checked.eos_token,
        "eos_id": checked.eos_id,
        "tokenizer": tokenizer.digest,
        "samples": name,
        "files": {each: describe_file(folder / each) for each in (name, FILES, LOCATIONS)},
    }
