"""A tokenizer.json: what is none is refused."""

from pathlib import Path

import pytest

from tests.themisdb_datasets.engine.indexes.test_packing import FILES, build, corpus
from tests.tokenizers import byte_level, changed
from tests.versions import make_version
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer
from themisdb_datasets.errors import MalformedError


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
