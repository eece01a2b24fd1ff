"""The body of a request: what cannot be done is named with its place and its remedy."""

from typing import Any

import pytest

from tests.exports.conftest import Ask
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


@pytest.mark.parametrize(
    ("body", "status", "field", "says"),
    [
        ({}, 400, "theme", "theme"),
        ({"theme": "Lerm"}, 400, "theme", "did you mean 'Lärm'"),
        ({"them": "Lärm"}, 400, "them", "did you mean 'theme'"),
        ({"theme": "Lärm", "weighting": {"rule": []}}, 400, "weighting.rule", "did you mean"),
        ({"theme": 3}, 400, "theme", "theme"),
        ({"theme": "Lärm", "batch_size": 0}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "batch_size": 100_001}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "batch_size": True}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "start": -1}, 400, "start", "start"),
        ({"theme": "Lärm", "limit": 10**30}, 400, "limit", "limit"),
        ({"theme": "Lärm", "from_date": "gestern"}, 400, "from_date", "YYYY-MM-DD"),
        ({"theme": "Lärm", "from_date": "2020-02-30"}, 400, "from_date", "YYYY-MM-DD"),
        ({"theme": "Lärm", "from_date": "2020-02-02", "to_date": "2020-02-01"}, 400, "to_date", "before"),
        ({"theme": "Lärm", "format": "alpacca"}, 400, "format", "alpaca"),
        ({"theme": "Lärm", "cursor": "x.1"}, 400, "theme", "cursor"),
        ({"cursor": "x.1"}, 400, "cursor", "64 hex"),
        ({"theme": "Lärm", "field_mapping": {"output_field": "{answer"}}, 400, "field_mapping.output_field", "brace"),
        ({"theme": "Lärm", "field_mapping": {"output_field": "anwser"}}, 422, "field_mapping.output_field", "answer"),
        ({"theme": "Lärm", "format": "text_completion"}, 422, "field_mapping.text_field", "content"),
        ({"theme": "Lärm", "metadata_fields": ["sauce"]}, 422, "metadata_fields", "source"),
        ({"theme": "Lärm", "start": 4}, 422, "start", "past the end"),
        ({"theme": "Lärm", "stream_mode": "forever"}, 400, "stream_mode", "continuous"),
        ({"theme": "Lärm", "stream_mode": "continuous", "order": "shuffled"}, 400, "order", "stored order"),
        ({"themes": [{"theme": "Lärm"}], "stream_mode": "continuous"}, 400, "themes", "stored order"),
        ({"theme": "Lärm", "stream_mode": "continuous", "drop_last": True}, 400, "drop_last", "no end"),
        ({"theme": "Lärm", "stream_mode": "continuous", "start": 4}, 422, "start", "past the end"),
        ({"theme": "Lärm", "order": "wieghted"}, 400, "order", "did you mean 'weighted'"),
        ({"dataset": "Gesetze", "split": "train"}, 422, "split", "set its split"),
        ({"themes": []}, 400, "themes", "themes"),
        ({"themes": [{"theme": "Lärm"}], "theme": "Lärm"}, 400, "theme", "several"),
        ({"themes": [{"theme": "Lärm"}, {"theme": "Deten"}]}, 400, "themes[1].theme", "did you mean 'Daten'"),
        ({"themes": [{"theme": "Lärm"}, {"theme": "lärm"}]}, 400, "themes[1].theme", "twice"),
        ({"themes": [{"theme": "Lärm", "proportion": 0}]}, 400, "themes[0].proportion", "proportion"),
        ({"themes": [{"theme": "Lärm"}], "stop": "never"}, 400, "stop", "all_exhausted"),
        ({"theme": "Lärm", "stop": "first_exhausted"}, 400, "stop", "themes"),
        ({"themes": [{"theme": "Lärm"}], "proportion_unit": "words"}, 400, "proportion_unit", "tokens"),
        ({"theme": "Lärm", "order": "weighted", "weighting": {"weight_field": "none", "default_weight": 0}}, 422, "order", "weight 0"),
        ({"theme": "Lärm", "order": "shuffled", "seed": 10**100}, 400, "seed", "digits"),
        ({"theme": "Lärm", "seed": 1.5}, 400, "seed", "int"),
        ({"theme": "Lärm", "rank": 2, "world_size": 2}, 400, "rank", "below"),
        ({"dataset": "Gesetz"}, 404, "dataset", "Gesetze"),
        ({"dataset": "Gesetze", "version": 2}, 404, "version", "newest is 1"),
        ({"dataset": "Gesetze", "version": "f" * 64}, 404, "version", "version"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_with_its_remedy(
    version: Version, ask: Ask, body: dict[str, Any], status: int, field: str, says: str
) -> None:
    response = ask(**body)
    answer = response.json()  # type: ignore[attr-defined]
    assert response.status_code == status, answer
    assert (answer["status"], list(answer["fields"])[:1]) == ("error", [field])
    assert says in answer["error"]
