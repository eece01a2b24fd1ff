"""The page of how two versions differ."""

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.console.conftest import page
from tests.datasets.conftest import SAMPLES, Ingest
from themis_admin.datasets import wordwise
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.wordwise import (
    CONTEXT,
    FOLD_CHARS,
    MAX_CHARS,
    MAX_SHOWN,
    WORDS,
    Piece,
    folded,
    pieces,
)


@pytest.fixture
def second(theme: Theme, ingest: Ingest, dataset: Dataset) -> Version:
    """One text changed, one sample gone, one new."""
    changed = {**SAMPLES[0], "text": "Die Errichtung oder der <b>Betrieb</b>"}
    ingest([changed, SAMPLES[2], SAMPLES[3], {"id": "neu", "text": "Ganz neu"}], mode="replace")
    assert dataset.latest is not None
    return dataset.latest


def test_it_counts_and_shows_texts_word_by_word(alices: Client, version: Version, second: Version) -> None:
    html = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}")
    assert "<dt>Unchanged</dt><dd>2</dd>" in html
    assert "<del>und </del><ins>oder </ins>der " in html
    assert "&lt;b&gt;Betrieb" in html
    added = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&kind=added")
    assert "Ganz neu" in added
    removed = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&kind=removed")
    assert f"/versions/{version.pk}/samples/1/" in removed


def test_themes_tell_what_they_gain_and_lose(alices: Client, version: Version, second: Version) -> None:
    shifts = f"/versions/{second.pk}/diff/shifts/?against={version.pk}"
    assert shifts in page(alices, f"/versions/{second.pk}/diff/?against={version.pk}")
    counts = "".join(f'<td class="num">{count}</td>' for count in ("2", "1", "0", "−1"))
    assert counts in page(alices, shifts)
    assert alices.get(f"/versions/{version.pk}/diff/shifts/").status_code == 404


def test_a_field_narrows_it_and_odd_questions_show_what_there_is(
    alices: Client, version: Version, second: Version
) -> None:
    for query in ("kind=changed&field=text", "kind=nothing&field=nothing&page=x", "page=99"):
        html = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&{query}")
        assert "<ins>oder </ins>" in html, query


def test_two_versions_are_chosen(alices: Client, version: Version, second: Version) -> None:
    assert f"/versions/{second.pk}/diff/?against={version.pk}" in page(alices, f"/versions/{second.pk}/")
    assert f"/versions/{second.pk}/diff/" in page(alices, f"/datasets/{second.dataset_id}/")
    assert alices.get(f"/versions/{second.pk}/diff/").status_code == 200
    assert alices.get(f"/versions/{version.pk}/diff/")["Location"] == f"/versions/{version.pk}/"
    moved = alices.get(f"/versions/{second.pk}/diff/?version={version.pk}&against={second.pk}")
    assert moved["Location"] == f"/versions/{version.pk}/diff/?against={second.pk}"
    for query in ("against=x", "against=999999", f"against={version.pk}&version=x"):
        assert alices.get(f"/versions/{second.pk}/diff/?{query}").status_code == 404, query


def test_long_equal_stretches_are_left_out() -> None:
    same = [f"w{n} " for n in range(100)]
    found = list(pieces("".join([*same, "a"]), "".join([*same, "b"])))
    assert [piece.op for piece in found] == ["gap", "equal", "del", "ins"]
    assert found[1].text == "".join(same[-CONTEXT:])


def test_texts_are_put_together_from_their_pieces() -> None:
    old, new = "a b c d", "a x c d e"
    found = list(pieces(old, new))
    assert "".join(piece.text for piece in found if piece.op != "ins") == old
    assert "".join(piece.text for piece in found if piece.op != "del") == new


def test_a_long_text_that_changed_at_both_ends_is_compared_word_by_word() -> None:
    words = [f"w{n % 700}-{n // 7 % 90} " for n in range(4_500)]
    other = ["first ", *words[1:2_000], "new ", *words[2_000:-1], "last"]
    found = [piece for piece in pieces("".join(words), "".join(other)) if piece.op in ("del", "ins")]
    assert [(piece.op, piece.text) for piece in found] == [
        ("del", words[0]), ("ins", "first "), ("ins", "new "), ("del", words[-1]), ("ins", "last"),
    ]  # fmt: skip


def test_a_change_at_the_end_of_a_very_long_text_is_shown() -> None:
    text = "Wort " * 100_000
    assert [piece.op for piece in pieces(text + "alt", text + "neu")] == ["gap", "equal", "del", "ins"]


def test_what_follows_a_cut_is_not_told_as_removed() -> None:
    words = [f"w{n} " for n in range(MAX_SHOWN + 500)]
    other = ["x ", *(f"v{n} " for n in range(200)), *words, "y "]
    found = list(pieces("".join(words), "".join(other)))
    assert [piece.op for piece in found] == ["ins", "equal", "gap", "equal", "gap"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh\n"), max_size=60), st.lists(st.sampled_from("abcdefgh"), max_size=60)
)
def test_anchors_lose_no_word(old: list[str], new: list[str]) -> None:
    before, after = (WORDS.findall(" ".join(words)) for words in (old, new))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordwise, "MAX_MATCHED", 5)
        ops = wordwise._opcodes(before, after)
    assert [before[i:j] for op, i, j, _, _ in ops if op == "equal"] == [
        after[k:m] for op, _, _, k, m in ops if op == "equal"
    ]
    assert [word for _, i, j, _, _ in ops for word in before[i:j]] == before
    assert [word for _, _, _, k, m in ops for word in after[k:m]] == after


def test_a_word_without_end_is_cut() -> None:
    found = list(pieces("x" * 100_000 + " und", "y" * 100_000 + " und " + "z" * 100_000))
    assert [piece.op for piece in found] == ["del", "ins"]
    assert all(len(piece.text) <= MAX_CHARS + 2 for piece in found)


def test_very_long_differences_are_shown_as_a_whole() -> None:
    found = list(pieces("a " + "x " * 3000 + "end", "a " + "y " * 3000 + "end"))
    assert [piece.op for piece in found] == ["equal", "del", "ins", "equal"]
    assert [piece.op for piece in pieces("", "new text")] == ["ins"]


def test_the_rest_of_a_long_text_is_folded_away() -> None:
    found = [Piece("equal", "ein Wort " * 50), Piece("del", "alt " * 1000), Piece("ins", "neu")]
    seen, rest = folded(found)
    assert [piece.op for piece in seen] == ["equal", "del"]
    assert [piece.op for piece in rest] == ["del", "ins"]
    assert seen[1].text + rest[0].text == found[1].text
    assert seen[1].text.endswith("alt ")
    assert sum(len(piece.text) for piece in seen) <= FOLD_CHARS
    assert folded(found[:1]) == (found[:1], [])
    unbroken = Piece("ins", "x" * 10_000)
    assert [len(piece.text) for piece in folded([unbroken])[0]] == [FOLD_CHARS]


def test_a_long_text_opens_in_place(alices: Client, dataset: Dataset, ingest: Ingest) -> None:
    for text in ("kurz", "Silbe " * 1000):
        ingest([{"id": "lang", "text": text}], mode="upsert")
    assert dataset.latest is not None
    html = page(alices, f"/versions/{dataset.latest.pk}/diff/")
    assert html.count("<summary>The rest of text</summary>") == 1
    assert html.count("Silbe ") == 1000
