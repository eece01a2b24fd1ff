"""Escapes of whole columns, beside Python's own JSON."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from themisdb_datasets.engine.kernels import unescape
from themisdb_datasets.engine.kernels.unescape import unescaped

TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\\"/\n\t\r\b\f\x00un😀é€')),
    max_size=20,
)


def spelled(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


@given(st.lists(st.none() | st.tuples(TEXTS, st.booleans()), max_size=8))
def test_every_escape_becomes_its_character(texts: list[tuple[str, bool] | None]) -> None:
    column = pa.array([None if t is None else spelled(t[0], ascii_only=t[1]) for t in texts], pa.string())
    plain = unescaped(column)
    plain.validate(full=True)
    assert plain.to_pylist() == [None if t is None else t[0] for t in texts]


@given(
    st.lists(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)), max_size=4)
)
def test_json_keeps_its_meaning_and_loses_only_what_it_need_not_escape(values: list[object]) -> None:
    written = [json.dumps(value) for value in values]
    readable = unescaped(pa.array(written, pa.string()), within_json=True)
    readable.validate(full=True)
    for value, text in zip(values, readable.to_pylist(), strict=True):
        assert json.loads(text) == value
        assert text.replace("\\u007f", "\x7f") == json.dumps(value, ensure_ascii=False).replace(
            "\\u007f", "\x7f"
        )


def test_a_slash_and_capital_digits_may_be_escaped_too() -> None:
    assert unescaped(pa.array([r"\/\u00E4\u00e4"])).to_pylist() == ["/ää"]
    assert unescaped(pa.array([r'["\/\u00E4\u0022\u005c\u000A"]']), within_json=True).to_pylist() == [
        r'["\/ä\u0022\u005c\u000A"]'
    ]


@pytest.mark.parametrize("shift", range(14))
@pytest.mark.parametrize(
    "filling", ["\\n", "\\\\", "\\ud83d\\ude00", "\\uD83D\\uDE00\\ud7ff", "a\\u00e4", "äöü", "x\\\\\\n"]
)
def test_texts_are_cut_into_pieces_between_them_only(
    filling: str, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unescape, "PIECE_BYTES", 64)
    texts = ["x" * shift + filling * 40, "", None, filling, "x" * 200, "", filling * 3]
    assert unescaped(pa.array(texts)).to_pylist() == [t if t is None else json.loads(f'"{t}"') for t in texts]
