"""Token indexes: the same bytes as data-forager's indexer writes, and what is refused before anything is written."""

import json
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_forager.datasets.tokens import TokensDataset
from data_forager.indexers.tokenization_indexer import create_tokenize_and_index_jsonl_text_func

from tests.tokenizers import EOS, WORDS, byte_level, changed, spaced, split_by_pattern, with_vocabulary
from tests.versions import make_version
from themisdb_datasets.engine.indexes import encoding
from themisdb_datasets.engine.indexes.packing import Packing, PositionArray, build_tokens
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer
from themisdb_datasets.engine.kernels.words import pattern_of
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError, NotFoundError
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


def test_tokenizers_whose_words_are_known_are_used_word_by_word() -> None:
    for tokenizer in (byte_level(), byte_level(add_prefix_space=True), spaced(), spaced(split=True)):
        assert pattern_of(tokenizer.document) is not None
    assert pattern_of(split_by_pattern().document) is None
    assert pattern_of({**byte_level().document, "normalizer": {"type": "NFC"}}) is None


def test_a_remainder_goes_on_over_shards_and_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, tokenizer = corpus(300), byte_level()
    monkeypatch.setattr("themisdb_datasets.engine.indexes.packing.BLOCK_BYTES", 2_000)
    version = make_version(tmp_path, lines[:100], lines[100:], shard_bytes=20_000)
    assert len(version.parts) > 2
    build(tmp_path / "ours", version, tokenizer, 64, threads=3)
    expected = forage(tmp_path, lines, tokenizer, 64)
    for name in FILES:
        assert (tmp_path / "ours" / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_table_of_words_that_is_full_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"text": f"{number} {'x' * (number % 600)} {number * 7919}"} for number in range(400)]
    monkeypatch.setattr(encoding, "MAX_WORDS", 50)
    monkeypatch.setattr("themisdb_datasets.engine.indexes.packing.BLOCK_BYTES", 2_000)
    build(tmp_path / "ours", make_version(tmp_path, lines), byte_level(), 64, threads=4)
    expected = forage(tmp_path, lines, byte_level(), 64)
    assert (tmp_path / "ours" / FILES[0]).read_bytes() == (expected / FILES[0]).read_bytes()


def test_data_forager_opens_it(tmp_path: Path) -> None:
    manifest = build(tmp_path / "ours", make_version(tmp_path, corpus(50)), byte_level(), 32)
    dataset = TokensDataset.create_from_index_on_filesystem(str(tmp_path / "ours"), token_dtype=np.uint16)
    index = TokenIndex.open(tmp_path / "ours")
    assert len(dataset) == len(index) == manifest["num_samples"] > 10
    assert all((dataset[number] == index[number]).all() for number in range(len(index)))
    assert index.samples is not None and index.samples.shape == (len(index), 32)


def test_an_index_of_data_forager_is_read_too(tmp_path: Path) -> None:
    packed = forage(tmp_path / "packed", corpus(50), byte_level(), 32)
    single = forage(tmp_path / "single", corpus(50), byte_level(), None, np.uint32)
    assert TokenIndex.open(packed, dtype="uint16").batch([1, 0]).shape == (2, 32)
    texts = [
        byte_level().library.decode(tokens.tolist(), skip_special_tokens=False)
        for tokens in TokenIndex.open(single, dtype="uint32")
    ]
    assert texts == [line["text"] for line in corpus(50)]
    with pytest.raises(MalformedError, match="dtype"):
        TokenIndex.open(packed)
    with pytest.raises(NotFoundError):
        TokenIndex.open(tmp_path, dtype="uint16")


def test_it_reads_from_many_threads_and_processes(tmp_path: Path) -> None:
    build(tmp_path / "ours", make_version(tmp_path, corpus(200)), byte_level(), 16)
    index = TokenIndex.open(tmp_path / "ours")
    assert index.samples is not None
    whole = index.samples.copy()

    def read(seed: int) -> bool:
        numbers = np.random.default_rng(seed).integers(-len(index), len(index), 2_000)
        right = [np.array_equal(index[number], whole[number]) for number in numbers]
        return all(right) and np.array_equal(index.batch(numbers), whole[numbers])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
    other: TokenIndex = pickle.loads(pickle.dumps(index))
    assert np.array_equal(np.stack(other[-3:]), whole[-3:])
    assert np.array_equal(np.stack(index.__getitems__([5, -1])), whole[[5, -1]])
    for outside in (len(index), -len(index) - 1):
        with pytest.raises(IndexError):
            index[outside]
        with pytest.raises(IndexError):
            index.batch([outside])
    with pytest.raises(ValueError, match="read-only"):
        index[0][0] = 1


def test_the_vocabulary_chooses_the_type(tmp_path: Path) -> None:
    version = make_version(tmp_path, corpus(20))
    assert build(tmp_path / "a", version, with_vocabulary(65_536), 8)["dtype"] == "uint16"
    assert build(tmp_path / "b", version, with_vocabulary(65_537), 8)["dtype"] == "uint32"
    assert build(tmp_path / "c", version, byte_level(), 8, dtype="uint32")["dtype"] == "uint32"
    small, large = (TokenIndex.open(tmp_path / name) for name in "ab")
    assert small.samples is not None and np.array_equal(small.samples, large.samples)  # type: ignore[arg-type]
    with pytest.raises(ImpossibleError, match="65,537"):
        build(tmp_path / "d", version, with_vocabulary(65_537), 8, dtype="uint16")
    assert not (tmp_path / "d").exists()


def test_templates_and_fields_that_are_no_text(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"law": "BImSchG", "n": 5},
        {"law": None, "n": 1.50},
        {"n": [1, "ä"]},
        {"law": ""},
    ]
    version = make_version(tmp_path, lines)
    library = byte_level().library

    def texts(text: str) -> tuple[list[str], int]:
        folder = tmp_path / text.replace(" ", "")
        manifest = build(folder, version, byte_level(), None, text=text)
        return [library.decode(each.tolist()) for each in TokenIndex.open(folder)], manifest[
            "num_without_text"
        ]

    assert texts("law") == (["BImSchG", ""], 2)
    assert texts("n") == (["5", "1.5", '[1, "ä"]'], 1)
    assert texts("{law} § {n}.") == (["BImSchG § 5.", " § 1.5.", ' § [1, "ä"].', " § ."], 0)
    assert texts("missing") == ([], 4)


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


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"[1]",
        b'{"model":{"type":"BPE","vocab":{},"merges":[["a","b"]]}}',
        b"[" * 100_000,
        changed(byte_level(), normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        changed(byte_level(), model={**byte_level().document["model"], "dropout": 0.1}),
        changed(byte_level(), model={"type": "WordLevel", "vocab": {}, "unk_token": "[UNK]"}),
    ],
)
def test_what_is_no_tokenizer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        Tokenizer.load(data)
    assert "file" in refused.value.fields


def test_cutting_and_padding_of_a_tokenizer_are_switched_off(tmp_path: Path) -> None:
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    tokenizer = Tokenizer.load(changed(byte_level(), truncation=truncation))
    version = make_version(tmp_path, corpus(30))
    build(tmp_path / "cut", version, tokenizer, 8)
    build(tmp_path / "plain", version, byte_level(), 8)
    assert (tmp_path / "cut" / FILES[0]).read_bytes() == (tmp_path / "plain" / FILES[0]).read_bytes()
