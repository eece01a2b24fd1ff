"""The demo's corpus: the same for a day, and like what people have."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from themis_admin.console.demo import corpus as demo_corpus

TODAY = date(2026, 2, 28)


FIELDS = [
    "id", "question", "context", "answer", "content", "category", "domain", "subject", "source", "tags",
    "created_at", "rating", "importance",
]  # fmt: skip


OPTIONAL = {"context", "subject", "tags", "rating", "importance"}


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, Any]]:
    return list(demo_corpus.samples(today=TODAY))


def test_the_corpus_is_the_same_for_every_run_of_a_day(corpus: list[dict[str, Any]]) -> None:
    assert list(demo_corpus.samples(today=TODAY)) == corpus
    assert len(corpus) == 5000


def test_its_dates_run_up_to_today(corpus: list[dict[str, Any]]) -> None:
    dates = [date.fromisoformat(sample["created_at"]) for sample in corpus]
    assert dates == sorted(dates)
    assert dates[-1] == TODAY
    assert dates[0] < TODAY - timedelta(days=10 * 365)
    later = list(demo_corpus.samples(today=TODAY + timedelta(days=100)))
    assert later[-1]["created_at"] == "2026-06-08"


def test_every_sample_has_the_fields_but_for_optional_ones(corpus: list[dict[str, Any]]) -> None:
    gaps: Counter[str] = Counter()
    for sample in corpus:
        assert [name for name in FIELDS if name in sample] == list(sample)
        missing = set(FIELDS) - {name for name, value in sample.items() if value is not None}
        assert missing <= OPTIONAL
        gaps.update(missing)
    assert set(gaps) == OPTIONAL
    assert len({sample["id"] for sample in corpus}) == 5000


def test_few_of_its_texts_come_twice_and_none_has_an_open_slot(corpus: list[dict[str, Any]]) -> None:
    assert len({sample["content"] for sample in corpus}) == 5000
    assert len({sample["answer"] for sample in corpus}) > 4500
    assert not any("{" in sample["content"] or "{" in sample["question"] for sample in corpus)


def test_each_theme_has_over_a_thousand_samples(corpus: list[dict[str, Any]]) -> None:
    counts = Counter(sample["category"] for sample in corpus)
    assert set(counts) == set(demo_corpus.THEMES)
    assert min(counts.values()) > 1000
