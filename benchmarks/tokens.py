"""Tokens: documents packed into samples of tokens, and batches of these, beside data-forager with the same vocabulary."""

import contextlib
import filecmp
import io
import logging
import resource
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from data_forager.datasets.tokens import TokensDataset
from data_forager.indexers.tokenization_indexer import create_tokenize_and_index_jsonl_text_func
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, trainers

from benchmarks.corpus import Run, ingested, text_fields
from benchmarks.timing import MEGA, Candidate, measure, ratio, table
from themisdb_datasets.engine.indexes.packing import Packing, build_tokens
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.tokens import LOCATIONS, MANIFEST, TokenIndex

EOS = "<|endoftext|>"
VOCABULARY = 32_000
SAMPLE_SIZE = 512
PACKED_BYTES = 40_000_000  # of the corpus; data-forager takes a minute for 100 MB
TRAINED_BYTES = 20_000_000
BATCH, BATCHES = 32, 200
BIN = "tokenized-samples/corpus-tokenized-samples.bin"


def run(bench: Run) -> None:
    """Measure and print; the files are compared first."""
    folder = bench.folder / "tokens"
    (folder / "in").mkdir(parents=True)
    corpus = folder / "in" / "corpus.jsonl"
    _cut(bench.corpus, corpus)
    version = ingested(corpus, folder / "version")
    field = text_fields(version)[-1]
    tokenizer = _trained(corpus, field)
    ours, theirs = folder / "ours", folder / "theirs"
    candidates = [
        Candidate(
            "Themis: build_tokens",
            partial(_ours, version, tokenizer, field, ours),
            partial(shutil.rmtree, ours, ignore_errors=True),
        ),
        Candidate(
            "data-forager: indexer, encode of tokenizers",
            partial(_theirs, corpus, tokenizer, field, theirs),
            partial(shutil.rmtree, theirs, ignore_errors=True),
        ),
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    candidates[0].run()
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    measure(candidates, rounds=min(bench.rounds, 3))
    for name in (BIN, LOCATIONS):
        if not filecmp.cmp(ours / name, theirs / name, shallow=False):
            raise SystemExit(f"{name} is not the same as data-forager's.")
    _print(candidates, msgspec.json.decode((ours / MANIFEST).read_bytes(), type=dict[str, Any]))
    print(f"  {'memory of ours at its peak':<46} {used / MEGA:>+7,.0f} MB")
    _batches(ours, bench.rounds)


def _cut(corpus: Path, to: Path) -> None:
    """The first lines of the corpus."""
    with corpus.open("rb") as source, to.open("wb") as file:
        for line in source:
            file.write(line)
            if file.tell() > PACKED_BYTES:
                break


def _texts(corpus: Path, field: str) -> Iterator[str]:
    size = 0
    with corpus.open("rb") as file:
        for line in islice(file, 0, None, 2):
            size += len(line)
            if size > TRAINED_BYTES:
                return
            yield msgspec.json.decode(line)[field]


def _trained(corpus: Path, field: str) -> Tokenizer:
    """A byte-level BPE as GPT-2's, trained on a part of the corpus."""
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(_texts(corpus, field), trainer)
    return Tokenizer.load(library.to_str().encode())


def _ours(version: OpenVersion, tokenizer: Tokenizer, field: str, folder: Path) -> int:
    packing = Packing(parse_value(field), SAMPLE_SIZE, EOS)
    positions = range(version.num_samples)
    build_tokens(version, positions, packing, tokenizer, folder, stem="corpus", report=lambda done: None)
    return (folder / BIN).stat().st_size


def _theirs(corpus: Path, tokenizer: Tokenizer, field: str, folder: Path) -> int:
    library = tokenizer.library
    logging.disable()
    with contextlib.redirect_stdout(io.StringIO()):
        create_tokenize_and_index_jsonl_text_func(
            lambda text: library.encode(text).ids,
            tokenizer.number(EOS),
            input_file_paths=[str(corpus)],
            output_base_path=str(folder),
            process_text_line_func=lambda line: str(msgspec.json.decode(line)[field]),
            sample_size=SAMPLE_SIZE,
        )()
    logging.disable(logging.NOTSET)
    return (folder / BIN).stat().st_size


def _print(candidates: list[Candidate], manifest: dict[str, Any]) -> None:
    ours = candidates[0]
    print(
        f"Tokens: packing to {SAMPLE_SIZE}, {manifest['vocabulary_size']:,} tokens  ({len(ours.seconds)} rounds)"
    )
    for candidate in candidates:
        rate = manifest["num_tokens"] / candidate.median / MEGA
        times = "" if candidate is ours else f"{ratio(ours, candidate):.2f}x"
        spread = f"{min(candidate.seconds):.2f} to {max(candidate.seconds):.2f} s"
        print(f"  {candidate.name:<46} {rate:>7.2f} M tokens/s   {times:>7}   {spread}")


def _batches(folder: Path, rounds: int) -> None:
    """Batches of 32 samples in a shuffled order, each as one array."""
    index = TokenIndex.open(folder)
    dataset = TokensDataset.create_from_index_on_filesystem(str(folder), token_dtype=np.uint16)
    dataset.initialize()
    numbers = np.random.default_rng(1).integers(0, len(index), (BATCHES, BATCH))
    asked = numbers.tolist()  # data-forager takes no numpy integers

    def ours() -> int:
        return sum(index.batch(batch).nbytes for batch in numbers)

    def theirs() -> int:
        return sum(np.stack([dataset[number] for number in batch]).nbytes for batch in asked)

    assert all(
        (index.batch(batch) == np.stack([dataset[number] for number in batch])).all() for batch in asked
    )
    candidates = [
        Candidate("Themis: TokenIndex.batch", ours),
        Candidate("data-forager: TokensDataset, np.stack", theirs),
    ]
    measure(candidates, rounds=rounds)
    print(table("Tokens: shuffled batches of 32", candidates, num_samples=BATCHES * BATCH))
