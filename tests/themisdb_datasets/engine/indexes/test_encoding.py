"""Texts as tokens: word by word where words are known, and counted."""

from pathlib import Path

import numpy as np
import pytest

from tests.themisdb_datasets.engine.indexes.test_packing import FILES, build, corpus, forage
from tests.tokenizers import byte_level, spaced, split_by_pattern, with_vocabulary
from tests.versions import make_version
from themisdb_datasets.engine.indexes import encoding
from themisdb_datasets.engine.kernels.words import pattern_of
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.tokens import TokenIndex


def test_tokenizers_whose_words_are_known_are_used_word_by_word() -> None:
    for tokenizer in (byte_level(), byte_level(add_prefix_space=True), spaced(), spaced(split=True)):
        assert pattern_of(tokenizer.document) is not None
    assert pattern_of(split_by_pattern().document) is None
    assert pattern_of({**byte_level().document, "normalizer": {"type": "NFC"}}) is None


def test_a_table_of_words_that_is_full_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"text": f"{number} {'x' * (number % 600)} {number * 7919}"} for number in range(400)]
    monkeypatch.setattr(encoding, "MAX_WORDS", 50)
    monkeypatch.setattr("themisdb_datasets.engine.indexes.packing.BLOCK_BYTES", 2_000)
    build(tmp_path / "ours", make_version(tmp_path, lines), byte_level(), 64, threads=4)
    expected = forage(tmp_path, lines, byte_level(), 64)
    assert (tmp_path / "ours" / FILES[0]).read_bytes() == (expected / FILES[0]).read_bytes()


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
