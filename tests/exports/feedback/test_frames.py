"""Frames of feedback: counted once, refused whole, and items that cannot be taken are named."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from exports.feedback.frames import Teller, parse_frame
from exports.models import FeedbackRun
from tests.exports.conftest import Ask
from tests.exports.feedback.conftest import URL, plan_of, tell, told
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version


def test_what_is_told_again_counts_once(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    items = [{"cursor": f"{plan}.0", "loss": 1.5}]
    for _ in range(3):
        assert tell(as_alice, sender="a", seq=1, items=items)["ack"] == 1
    assert tell(as_alice, sender="a", seq=7, items=items)["ack"] == 7
    assert tell(as_alice, sender="b", seq=1, items=items)["ack"] == 1
    assert tell(as_alice, items=items)["ack"] == 1  # somebody without a name is never told twice from another
    run = FeedbackRun.objects.get()
    assert list(told(run).values()) == [[1.5] * 4]
    assert as_alice.get(URL).json()["results"][0]["num_records"] == 4


def test_two_that_do_not_count_under_one_name_lose_nothing(
    version: Version, dataset: Dataset, ask: Ask, alice: User
) -> None:
    frame = parse_frame(json.dumps({"cursor": f"{plan_of(ask, dataset=dataset.pk)['plan']}.0", "loss": 1.5}))
    one, other = (Teller(alice, sender="trainer", dataset=dataset) for _ in range(2))
    assert [teller.tell(frame)["ack"] for teller in (one, other, other, one)] == [1, 2, 3, 4]
    assert list(told(FeedbackRun.objects.get()).values()) == [[1.5] * 4]


def test_items_that_cannot_be_taken_are_named_and_the_others_kept(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    wrong: list[tuple[Any, str]] = [
        ({"cursor": f"{plan}.1", "loss": -1}, "bad_loss"),
        ({"cursor": f"{plan}.1", "loss": None}, "bad_loss"),
        ({"cursor": f"{plan}.x", "loss": 1}, "bad_cursor"),
        ({"cursor": f"{'0' * 64}.1", "loss": 1}, "unknown_plan"),
        ({"loss": 1}, "bad_item"),
        ({"sample_id": "zz", "loss": 1}, "bad_item"),
        ("what", "bad_item"),
    ]
    items = [
        *(item for item, _ in wrong),
        {"cursor": f"{plan}.1", "loss": 2},
        {"sample_id": "ab" * 16, "loss": 3},
    ]
    answer = tell(as_alice, items=items)
    assert answer["num"] == 2
    assert [(each["item"], each["code"]) for each in answer["errors"]] == [
        (number, code) for number, (_, code) in enumerate(wrong)
    ]
    assert sorted(told(FeedbackRun.objects.get()).values()) == [[2.0], [3.0]]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"items": {}},
        {"items": [{}] * 10_001},
        {"plan": "x", "positions": [1], "losses": []},
        {"plan": 7, "positions": [1], "losses": [1]},
        {"seq": 0, "items": []},
        {"seq": True, "items": []},
        {"run": 7, "items": []},
        {"run": " ", "items": []},
        {"run": "x" * 201, "items": []},
        {"sender": "a b", "items": []},
        {"dataset": 1.5, "items": []},
    ],
)
def test_frames_that_make_no_sense_are_refused_whole(
    version: Version, as_alice: APIClient, body: Any
) -> None:
    response = as_alice.post(URL, body, format="json")
    assert response.status_code == 400, response.content
    assert not FeedbackRun.objects.exists()
