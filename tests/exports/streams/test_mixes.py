"""Mixes, splits, weighted order and unique samples, as a stream's clients get them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.exports.conftest import Ask, lines, text
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.themes import services as theme_services

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")

LAWS = {"BImSchG": 70, "BDSG": 30, "TA": 10}
TRAIN = [{"name": "train", "fraction": 0.8}, {"name": "test", "fraction": 0.2}]


def sections(laws: dict[str, int]) -> Iterator[dict[str, Any]]:
    for law, count in laws.items():
        for number in range(count):
            answer = "ä" * (number % 7 * 10 + (300 if law == "BDSG" else 1))
            yield {"id": f"{law}-{number}", "law": law, "question": f"§ {number} {law}?", "answer": answer,
                   "importance": 0.5 + number % 3 / 2}  # fmt: skip


@pytest.fixture
def laws(dataset: Dataset, ingest: Ingest, alice: User) -> Dataset:
    """Three themes of 70, 30 and 10 samples, one with long answers."""
    datasets.update_dataset(dataset, user=alice, key_field="id")
    assert ingest(sections(LAWS)).state == "succeeded"
    for law in LAWS:
        theme_services.create_theme(
            dataset, user=alice, name=law, where={"field": "law", "op": "eq", "value": law}
        )
    return dataset


def law_of(line: dict[str, Any]) -> str:
    law: str = line["instruction"].split()[-1].removesuffix("?")
    return law


@pytest.mark.parametrize("order", ["stored", "shuffled", "weighted"])
@pytest.mark.parametrize("stop", ["first_exhausted", "all_exhausted"])
@pytest.mark.parametrize("unit", ["samples", "tokens"])
def test_what_a_dry_run_promises_of_a_mix_is_what_is_served(
    laws: Dataset, ask: Ask, order: str, stop: str, unit: str
) -> None:
    themes = [{"theme": "BImSchG", "proportion": 2}, {"theme": "bdsg"}, {"theme": "TA", "proportion": 1}]
    body = {"themes": themes, "order": order, "stop": stop, "proportion_unit": unit, "seed": 5}
    promised = ask(**body, dry_run=True).json()  # type: ignore[attr-defined]
    response = ask(**body)
    delivered = text(response).splitlines()
    assert promised["num_samples"] == len(delivered) == int(response["X-Themis-Num-Samples"])
    assert promised["estimated_bytes"] == sum(len(line.encode()) + 1 for line in delivered)
    served, sizes = Counter[str](), Counter[str]()
    for line in delivered:
        law = law_of(json.loads(line))
        served[law] += 1
        sizes[law] += len(line.encode()) + 1
    for theme in promised["themes"]:
        law = theme["theme"]
        assert theme["num_samples"] == served[law]
        assert theme["bytes"] == sizes[law]
        assert theme["available"] == LAWS[law]
        assert theme["num_repeats"] == max(0, served[law] - LAWS[law])
    if order != "weighted" and stop == "first_exhausted":
        assert len(set(delivered)) == len(delivered)
    total = sum((served if unit == "samples" else sizes).values())
    wanted = {"BImSchG": 0.5, "BDSG": 0.25, "TA": 0.25}
    for law, count in (served if unit == "samples" else sizes).items():
        assert count / total == pytest.approx(wanted[law], abs=0.06 if stop == "all_exhausted" else 0.12)


def test_a_mix_goes_on_byte_exactly_after_its_themes_are_gone(laws: Dataset, ask: Ask, alice: User) -> None:
    themes = [{"theme": "BImSchG", "proportion": 0.7}, {"theme": "TA", "proportion": 0.3}]
    whole = ask(themes=themes, order="shuffled", seed=-1, stop="all_exhausted")
    body = text(whole).splitlines(keepends=True)
    for theme in laws.themes.all():
        theme_services.delete_theme(theme, user=alice)
    rest = ask(cursor=f"{whole['X-Themis-Plan']}.37")
    assert text(rest) == "".join(body[37:])


def test_an_empty_theme_cannot_be_mixed(laws: Dataset, ask: Ask, alice: User) -> None:
    where = {"field": "law", "op": "eq", "value": "XYZ"}
    theme_services.create_theme(laws, user=alice, name="Leer", where=where)
    for unit in ("samples", "tokens"):
        themes = [{"theme": "TA"}, {"theme": "Leer"}]
        response = ask(themes=themes, proportion_unit=unit)
        assert response.status_code == 422
        assert "'Leer' keeps no samples" in response.json()["error"]  # type: ignore[attr-defined]


def test_weighted_order_draws_by_weight_and_says_weight_one(laws: Dataset, ask: Ask) -> None:
    drawn = Counter[str]()
    for epoch in range(40):
        epochs = lines(ask(theme="BImSchG", order="weighted", epoch=epoch))
        assert len(epochs) == 70
        assert {line["weight"] for line in epochs} == {1.0}
        drawn.update(line["instruction"] for line in epochs)
    weights = {number: 0.5 + number % 3 / 2 for number in range(70)}
    for number, weight in weights.items():
        wanted = 40 * 70 * weight / sum(weights.values())
        assert drawn[f"§ {number} BImSchG?"] == pytest.approx(wanted, abs=4.5 * wanted**0.5)
    raw = text(ask(theme="BImSchG", order="weighted", format="raw")).splitlines()
    chosen = text(ask(theme="BImSchG", order="weighted")).splitlines()
    assert [json.loads(line)["question"] for line in raw] == [
        json.loads(line)["instruction"] for line in chosen
    ]


def test_a_group_is_on_one_side_and_no_sample_ever_changes_it(
    laws: Dataset, ask: Ask, ingest: Ingest, alice: User
) -> None:
    datasets.update_dataset(laws, user=alice, split={"by": "", "parts": TRAIN})
    train, test = (
        [line["instruction"] for line in lines(ask(dataset=laws.name, split=part))]
        for part in ("train", "test")
    )
    assert len(train) + len(test) == 110
    assert not set(train) & set(test)
    assert 75 <= len(train) <= 100
    # Another version has other samples too, in another order, some of them changed, and others gone.
    newer = [{**sample, "answer": "neu"} for sample in sections({"Neu": 40, "BDSG": 25, "BImSchG": 70})]
    assert ingest(newer, mode="replace").state == "succeeded"
    for side, part in ((train, "train"), (test, "test")):
        now = [line["instruction"] for line in lines(ask(dataset=laws.name, split=part))]
        assert [question for question in now if question in {*train, *test}] == sorted(
            set(now) & set(side), key=now.index
        )
    datasets.update_dataset(laws, user=alice, split={"by": "law", "parts": TRAIN})
    sides = [{law_of(line) for line in lines(ask(dataset=laws.name, split=part["name"]))} for part in TRAIN]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == {"Neu", "BDSG", "BImSchG"}


@pytest.mark.parametrize(
    ("split", "field"),
    [
        ("train", "split"),
        ({"parts": []}, "split.parts"),
        ({"parts": [{"name": "a", "fraction": 0.5}, {"name": "b", "fraction": 0.4}]}, "split.parts"),
        ({"parts": [{"name": "a", "fraction": 0.5}, {"name": "a", "fraction": 0.5}]}, "split.parts"),
        (
            {"parts": [{"name": "a", "fraction": "0.5"}, {"name": "b", "fraction": 0.5}]},
            "split.parts[0].fraction",
        ),
        ({"part": TRAIN}, "split.part"),
        ({"by": 3, "parts": TRAIN}, "split.by"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(laws: Dataset, alice: User, split: Any, field: str) -> None:
    response = client_of(alice, "write").patch(
        f"/api/v1/datasets/{laws.pk}/", {"split": split}, format="json"
    )
    assert response.status_code == 400, response.json()
    assert list(response.json()["fields"]) == [field]


def test_an_unknown_part_is_named_with_the_nearest(laws: Dataset, ask: Ask, alice: User) -> None:
    client = client_of(alice, "write")
    answer = client.patch(f"/api/v1/datasets/{laws.pk}/", {"split": {"parts": TRAIN}}, format="json").json()
    assert answer["split"] == {"by": "", "seed": "", "parts": TRAIN}
    response = ask(dataset=laws.name, split="tarin")
    assert response.status_code == 400
    assert "did you mean 'train'" in response.json()["error"]  # type: ignore[attr-defined]


def test_of_equal_mapped_values_the_first_stays(dataset: Dataset, ingest: Ingest, ask: Ask) -> None:
    samples = [
        {"question": "a", "answer": "bc", "n": 1},
        {"question": "ab", "answer": "c", "n": 2},
        {"question": "a", "answer": "bc", "n": 3},
        {"question": "a", "answer": "bd", "n": 4},
        {"question": "ab", "context": None, "answer": "c", "n": 5},
        {"question": "ab", "context": "", "answer": "c", "n": 5},
    ]
    assert ingest(samples).state == "succeeded"
    assert ingest(samples[:1] + samples[5:]).state == "succeeded"
    quality = {"remove_duplicates": True}
    options: dict[str, Any] = {"dataset": dataset.name, "quality_filters": quality}
    got = [(line["instruction"], line["output"]) for line in lines(ask(**options, metadata_fields=["n"]))]
    assert got == [("a", "bc"), ("ab", "c"), ("a", "bd")]
    assert ask(**options, dry_run=True).json()["num_duplicates"] == 5  # type: ignore[attr-defined]
    raw = [line["n"] for line in lines(ask(**options, format="raw"))]
    assert raw == [1, 2, 3, 4, 5, 5]


def test_nobody_mixes_themes_of_others(laws: Dataset, as_bob: APIClient) -> None:
    response = as_bob.post("/api/export/jsonl_llm/stream", {"themes": [{"theme": "TA"}]}, format="json")
    assert response.status_code == 400
    assert "there is none yet" in response.json()["error"]
