"""Token indexes: the same bytes as data-forager's indexer writes, and what is refused before anything is written."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_forager.datasets.tokens import TokensDataset
from data_forager.indexers.tokenization_indexer import create_tokenize_and_index_jsonl_text_func

from tests.tokenizers import EOS, WORDS, byte_level, spaced, split_by_pattern
from tests.versions import make_version
from themisdb_datasets.engine.indexes.packing import Packing, PositionArray, build_tokens
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ConflictError, MalformedError
from themisdb_datasets.tokens import TokenIndex

FILES = (
    "tokenized-samples/corpus-tokenized-samples.bin",
    "index/file_location.txt",
    "index/sample_locations.bin",
)
PARTS = [*WORDS.split(), " ", "\n\n", "  ", "'s", "ß漢😀", "\t", '"\\/', "\u00a0", "é", "é", EOS, "12345", ""]


def ignore(done: int) -> None:
    """Nobody looks at the progress."""


def corpus(count: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Samples with texts of 0 to 40 parts, some with escapes, added tokens, and characters of every width."""
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(PARTS, k=chance.randint(0, 40))) for _ in range(count)]
    return [{"text": text, "n": number} for number, text in enumerate(texts)]


def build(
    folder: Path, version: OpenVersion, tokenizer: Tokenizer, size: int | None, **given: Any
) -> dict[str, Any]:
    text, eos, dtype = (
        given.pop(name, usual) for name, usual in (("text", "text"), ("eos_token", None), ("dtype", None))
    )
    positions: PositionArray = given.pop("positions", range(version.num_samples))
    packing = Packing(parse_value(text), size, eos, dtype)
    given = {"stem": "corpus", "report": ignore, **given}
    return build_tokens(version, positions, packing, tokenizer, folder, **given)


def forage(
    folder: Path, lines: list[dict[str, Any]], tokenizer: Tokenizer, size: int | None, dtype: type = np.uint16
) -> Path:
    """What data-forager's own indexer makes of the same lines, one file."""
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def encode(text: str) -> list[int]:
        return list(tokenizer.library.encode(text, add_special_tokens=False).ids)

    create_tokenize_and_index_jsonl_text_func(
        encode,
        tokenizer.number(tokenizer.usual_eos or ""),
        input_base_path=str(folder / "in"),
        output_base_path=str(folder / "out"),
        sample_size=size,
        token_dtype=dtype,
    )()
    return folder / "out"


@pytest.mark.parametrize("size", [1, 7, 64, 100_000, None])
@pytest.mark.parametrize(
    "make",
    [
        byte_level,
        split_by_pattern,
        lambda: byte_level(add_prefix_space=True),
        spaced,
        lambda: spaced(split=True),
    ],
    ids=["gpt2", "pattern", "blank", "spaced", "split"],
)
def test_the_files_are_those_of_data_forager(
    tmp_path: Path, make: Callable[[], Tokenizer], size: int | None
) -> None:
    lines, tokenizer = corpus(150), make()
    expected = forage(tmp_path, lines, tokenizer, size)
    build(tmp_path / "ours", make_version(tmp_path, lines), tokenizer, size)
    for name in FILES:
        assert (tmp_path / "ours" / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_remainder_goes_on_over_shards_and_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, tokenizer = corpus(300), byte_level()
    monkeypatch.setattr("themisdb_datasets.engine.indexes.packing.BLOCK_BYTES", 2_000)
    version = make_version(tmp_path, lines[:100], lines[100:], shard_bytes=20_000)
    assert len(version.parts) > 2
    build(tmp_path / "ours", version, tokenizer, 64, threads=3)
    expected = forage(tmp_path, lines, tokenizer, 64)
    for name in FILES:
        assert (tmp_path / "ours" / name).read_bytes() == (expected / name).read_bytes(), name


def test_data_forager_opens_it(tmp_path: Path) -> None:
    manifest = build(tmp_path / "ours", make_version(tmp_path, corpus(50)), byte_level(), 32)
    dataset = TokensDataset.create_from_index_on_filesystem(str(tmp_path / "ours"), token_dtype=np.uint16)
    index = TokenIndex.open(tmp_path / "ours")
    assert len(dataset) == len(index) == manifest["num_samples"] > 10
    assert all((dataset[number] == index[number]).all() for number in range(len(index)))
    assert index.samples is not None and index.samples.shape == (len(index), 32)


def test_tokens_are_counted_for_each_theme_and_positions_kept(tmp_path: Path) -> None:
    version = make_version(tmp_path, corpus(100), corpus(50, seed=2))
    even, few = np.arange(0, 150, 2, dtype=np.uint32), np.array([3, 149], np.uint32)
    manifest = build(tmp_path / "all", version, byte_level(), 32, themes={"even": even, "few": few})
    parts = {
        name: build(tmp_path / name, version, byte_level(), 32, positions=positions)
        for name, positions in (("even", even), ("few", few))
    }
    assert manifest["num_tokens_by_theme"] == {name: part["num_tokens"] for name, part in parts.items()}
    assert parts["even"]["num_documents"] == 75
    kept = parts["even"]["num_samples"] * 32
    assert parts["even"]["num_dropped_tokens"] == parts["even"]["num_tokens"] - kept < 32


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    version = make_version(tmp_path, corpus(5))
    for size, given, place in (
        (0, {}, "sample_size"),
        (1 << 21, {}, "sample_size"),
        (8, {"eos_token": "<|endoftex|>"}, "eos_token"),
    ):
        with pytest.raises(MalformedError) as refused:
            build(tmp_path / "no", version, byte_level(), size, **given)
        assert place in refused.value.fields
    assert "<|endoftext|>" in refused.value.message
    assert not (tmp_path / "no").exists()


def test_it_can_be_stopped(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise ConflictError("enough")

    with pytest.raises(ConflictError):
        build(tmp_path / "no", make_version(tmp_path, corpus(5)), byte_level(), 8, report=stop)
