"""From a request to its plan: the version, the samples and the order that it pins, and what it may not name."""

import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.exports.conftest import SAMPLES, Ask, questions, text
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_the_headers_pin_what_is_delivered(version: Version, ask: Ask) -> None:
    response = ask(theme="Lärm", start=1, limit=5)
    assert response["X-Themis-Version"] == version.digest
    assert re.fullmatch(r"[0-9a-f]{64}", response["X-Themis-Plan"])
    assert response["X-Themis-Num-Samples"] == "2"
    assert response["X-Themis-Cursor"] == response["X-Themis-Plan"] + ".1"
    assert questions(response) == ["Wer misst?", "Wann?"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"theme": "Lärm", "domain": "Umwelt"}, [1, 2]),
        ({"theme": "Lärm", "domain": "Umwelt", "subject": "TA"}, [2]),
        ({"theme": "Lärm", "from_date": "2020-01-01"}, [2, 3]),
        ({"theme": "Lärm", "to_date": "2019-12-31"}, [1]),
        ({"theme": "Lärm", "to_date": "2020-01-01"}, [1, 2]),
        ({"theme": "Lärm", "from_date": "2021-06-01T10:00:00Z", "to_date": "2021-06-01T10:00:00+00:00"}, [3]),
        ({"theme": "Lärm", "from_date": "2021-06-01T12:00:01+02:00"}, []),
        ({"theme": "Daten"}, [6]),
        ({"theme": "Daten", "quality_filters": {"skip_empty_outputs": False}}, [4, 6]),
        (
            {"theme": "Daten", "from_date": "2000-01-01", "quality_filters": {"skip_empty_outputs": False}},
            [4],
        ),
        ({"dataset": "gesetze"}, [1, 2, 3, 5, 6]),
        (
            {"dataset": "Gesetze", "quality_filters": {"min_output_length": 6, "max_output_length": 100}},
            [2, 5],
        ),
        ({"dataset": "Gesetze", "start": 2, "limit": 2}, [3, 5]),
        ({"dataset": "Gesetze", "limit": 0}, []),
        ({"dataset": "Gesetze", "version": 1, "batch_size": 1}, [1, 2, 3, 5, 6]),
    ],
)
def test_it_keeps_the_samples_that_are_asked_for(
    version: Version, ask: Ask, body: dict[str, Any], wanted: list[int]
) -> None:
    got = questions(ask(**body))
    assert got == [SAMPLES[number - 1]["question"] for number in wanted]


def test_without_as_of_a_plan_is_the_same_whenever_it_is_asked_for(version: Version, ask: Ask) -> None:
    body = {"theme": "Lärm", "weighting": {"auto_weight_by_freshness": True}}
    assert ask(**body)["X-Themis-Plan"] == ask(**body)["X-Themis-Plan"]
    assert text(ask(**body)) == text(ask(**body))


def test_a_dataset_without_a_version_says_what_to_do(dataset: Dataset, ask: Ask) -> None:
    response = ask(dataset="Gesetze")
    assert response.status_code == 422
    assert "upload" in response.json()["error"]  # type: ignore[attr-defined]


def test_nobody_streams_what_he_may_not_see(version: Version, as_bob: APIClient) -> None:
    for body, status in (
        ({"theme": "Lärm"}, 400),
        ({"dataset": "Gesetze"}, 404),
        ({"dataset": version.dataset_id}, 404),
    ):
        response = as_bob.post("/api/export/jsonl_llm/stream", body, format="json")
        assert response.status_code == status
        assert "Gesetze" not in response.json()["error"].replace("'Gesetze'", "")
