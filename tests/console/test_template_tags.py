"""How the console writes numbers, sizes, times, digests, weights and rules."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from themis_admin.datasets.wordwise import Piece
from themis_admin.templatetags import corpus, themis


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (41_600_000, "41.6 MB"), (207_940_509, "208 MB"),
     (999_600_000, "1.0 GB"), (None, "–"), ("", "–")],
)  # fmt: skip
def test_sizes_are_decimal(value: float | None, shown: str) -> None:
    assert themis.in_bytes(value).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.2, "under 1 s"), (8, "8 s"), (59.6, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (3600, "1 h"),
     (timedelta(seconds=61), "1 min 1 s"), (None, "–")],
)  # fmt: skip
def test_durations(value: float | timedelta | None, shown: str) -> None:
    assert themis.duration(value) == shown


def test_numbers_and_rates() -> None:
    assert themis.number(105198) == "105,198"
    assert themis.number(None) == themis.number("") == "–"
    assert themis.rate(8430, "samples") == "8,430/s"
    assert themis.rate(None) == "–"
    assert themis.percent(1, 0) == "–"


def test_times_are_utc_for_the_script_to_translate() -> None:
    shown = themis.when(datetime(2026, 11, 20, 19, 52, tzinfo=UTC))
    assert 'datetime="2026-11-20T19:52:00+00:00"' in shown
    assert ">2026-11-20 19:52 UTC<" in shown


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
        Piece("equal", "a "),
        Piece("del", "<b>"),
        Piece("ins", "c"),
        Piece("gap", "…"),
        Piece("equal", "d\n"),
    ]
    assert corpus.edits(pieces) == 'a <del>&lt;b&gt;</del><ins>c</ins> <span class="meta">…</span> d\n'


def test_marks_and_code_never_let_markup_through() -> None:
    assert corpus.marked("<b>Lärm</b>", "lärm") == "&lt;b&gt;<mark>Lärm</mark>&lt;/b&gt;"
    assert corpus.marked("a.c abc", "a.c") == "<mark>a.c</mark> abc"
    assert "<script>" not in corpus.json_code('{"a": "<script>alert(1)</script>", "b": ["]", {}]}')
    assert corpus.json_code('{"a": []}') == '{\n  <span class="k">&quot;a&quot;</span>: []\n}'
