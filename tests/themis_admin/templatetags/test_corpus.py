"""How the console draws digests, weights and rules."""

from hashlib import sha256

import pytest

from themis_admin.datasets.diffs.wordwise import TextStretch
from themis_admin.templatetags import corpus, themis


def test_equal_digests_have_equal_seals_and_others_mostly_not() -> None:
    seals = {str(themis.seal(sha256(bytes([n])).hexdigest())) for n in range(100)}
    assert len(seals) > 90
    assert themis.seal("ab" * 32) == themis.seal("ab" * 32)


def test_a_beam_leans_to_the_heavier_side() -> None:
    assert 'class="hv" x="32.00" y="4" width="6.40"' in themis.beam(1.2)
    assert 'class="lt" x="0.00" y="4" width="32.00"' in themis.beam(0)
    assert "1.20</span>" in themis.beam(1.2)
    assert 'width="32.00"' in themis.beam(99)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"field": "law", "op": "contains", "value": "BImSch"}, "law contains “BImSch”"),
        ({"field": "n", "op": "between", "value": [1, 2]}, "n is between 1 and 2"),
        ({"field": "n", "op": "in", "value": ["a", True]}, "n is one of “a”, true"),
        ({"field": "n", "op": "exists", "value": False}, "n is missing or null"),
        ({"all": []}, "every sample"),
        ({"any": []}, "no sample"),
        ({"all": [{"any": [{"field": "a", "op": "eq", "value": 1}, {"field": "b", "op": "lt", "value": 2}]},
                  {"not": {"field": "c", "op": "eq", "value": "x"}}]}, "(a is 1 or b is below 2) and not c is “x”"),
    ],
)  # fmt: skip
def test_filters_are_sentences(where: dict[str, object], words: str) -> None:
    assert corpus.filter_words(where) == words


def test_edits_stand_in_one_text_and_add_no_white_space() -> None:
    pieces = [
        TextStretch("equal", "a "),
        TextStretch("del", "<b>"),
        TextStretch("ins", "c"),
        TextStretch("gap", "…"),
        TextStretch("equal", "d\n"),
    ]
    assert corpus.edits(pieces) == 'a <del>&lt;b&gt;</del><ins>c</ins> <span class="meta">…</span> d\n'


def test_marks_and_code_never_let_markup_through() -> None:
    assert corpus.marked("<b>Lärm</b>", "lärm") == "&lt;b&gt;<mark>Lärm</mark>&lt;/b&gt;"
    assert corpus.marked("a.c abc", "a.c") == "<mark>a.c</mark> abc"
    assert "<script>" not in corpus.json_code('{"a": "<script>alert(1)</script>", "b": ["]", {}]}')
    assert corpus.json_code('{"a": []}') == '{\n  <span class="k">&quot;a&quot;</span>: []\n}'
