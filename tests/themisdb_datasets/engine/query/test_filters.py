"""Theme filters: what each operator keeps, also across shards that saw a field with other types."""

from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.selection import count
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError

SAMPLES: list[dict[str, Any]] = [
    {
        "law": "BImSchG",
        "n": 1,
        "date": "2020-01-31",
        "ok": True,
        "tags": ["Lärm", "Luft"],
        "meta": {"slug": "a"},
    },
    {
        "law": "bimschv",
        "n": 2.5,
        "date": "2021-02-01",
        "ok": False,
        "tags": [],
        "meta": {"slug": "b", "deep": {"x": 7}},
    },
    {"law": "BDSG", "n": 10, "date": None, "text": "Personenbezogene Daten"},
    {"n": 12345678901234567890, "law": ""},
    {"law": "50%_\\", "n": "2020"},
]


@pytest.fixture(scope="module", params=["one shard", "a shard each"])
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    root: Path = tmp_path_factory.mktemp("filters")
    parts = [SAMPLES] if request.param == "one shard" else [[sample] for sample in SAMPLES]
    return make_version(root, *parts)


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ({"field": "law", "op": "contains", "value": "BImSch"}, 2),
        ({"field": "law", "op": "contains", "value": "BImSch", "case_sensitive": True}, 1),
        ({"field": "law", "op": "contains", "value": "%_\\"}, 1),
        ({"field": "law", "op": "starts_with", "value": "b"}, 3),
        ({"field": "law", "op": "ends_with", "value": "G"}, 2),
        ({"field": "law", "op": "matches", "value": "^b(im|d)s"}, 3),
        ({"field": "law", "op": "eq", "value": "BDSG"}, 1),
        ({"field": "law", "op": "eq", "value": "bdsg"}, 0),
        ({"field": "law", "op": "ne", "value": "BDSG"}, 4),
        ({"field": "law", "op": "in", "value": ["BDSG", "bimschv", 5]}, 2),
        ({"field": "n", "op": "eq", "value": 1}, 1),
        ({"field": "n", "op": "ge", "value": 2}, 4),
        ({"field": "n", "op": "lt", "value": 2.6}, 2),
        ({"field": "n", "op": "between", "value": [1, 10]}, 3),
        ({"field": "n", "op": "eq", "value": 12345678901234567890}, 1),
        ({"field": "n", "op": "eq", "value": 12345678901234567891}, 0),
        ({"field": "n", "op": "eq", "value": "2020"}, 1),
        ({"field": "date", "op": "ge", "value": "2021"}, 1),
        ({"field": "date", "op": "exists", "value": True}, 2),
        ({"field": "date", "op": "exists", "value": False}, 3),
        ({"field": "ok", "op": "eq", "value": True}, 1),
        ({"field": "ok", "op": "ne", "value": True}, 1),
        ({"field": "ok", "op": "lt", "value": True}, 0),
        ({"field": "tags", "op": "contains", "value": "lärm"}, 1),
        ({"field": "meta.slug", "op": "eq", "value": "b"}, 1),
        ({"field": "meta.deep.x", "op": "eq", "value": 7}, 1),
        ({"field": "absent", "op": "ne", "value": 1}, 0),
        ({"not": {"field": "date", "op": "ge", "value": "2021"}}, 4),
        ({"all": []}, 5),
        ({"any": []}, 0),
        (
            {
                "any": [
                    {"field": "law", "op": "contains", "value": "BDSG"},
                    {"field": "text", "op": "contains", "value": "personenbezogene Daten"},
                    {
                        "all": [
                            {"field": "n", "op": "gt", "value": 0},
                            {"field": "ok", "op": "eq", "value": False},
                        ]
                    },
                ]
            },
            2,
        ),
    ],
)
def test_it_keeps_what_the_condition_says(version: OpenVersion, document: dict[str, Any], kept: int) -> None:
    assert count(version, [parse_filter(document)]) == [kept]


def test_a_filter_written_and_read_again_is_the_same() -> None:
    document = {
        "any": [
            {"not": {"field": "law", "op": "contains", "value": "x", "case_sensitive": True}},
            {"all": [{"field": "n", "op": "between", "value": [1, 2]}]},
        ]
    }
    assert parse_filter(document).to_document() == document


@pytest.mark.parametrize(
    ("document", "place", "says"),
    [
        ([], "where", "object"),
        ({"field": "lew", "op": "eq", "value": 1}, "where.field", "law"),
        ({"any": [{"field": "law", "op": "contans", "value": "x"}]}, "where.any[0].op", "contains"),
        ({"all": {}}, "where.all", "list"),
        ({"field": "law", "op": "eq"}, "where.value", "needs a value"),
        ({"field": "law", "op": "eq", "value": None}, "where.value", "exists"),
        ({"field": "law", "op": "contains", "value": ""}, "where.value", "not empty"),
        ({"field": "law", "op": "contains", "value": 3}, "where.value", "text"),
        ({"field": "law", "op": "between", "value": [1]}, "where.value", "two values"),
        ({"field": "law", "op": "matches", "value": "("}, "where.value", "regular expression"),
        ({"field": "law", "op": "eq", "value": 1, "extra": 1}, "where.extra", "extra"),
        ({"field": "law", "op": "eq", "value": "\ud800"}, "where.value", "surrogate"),
        ({"field": "law", "op": "eq", "value": float("nan")}, "where.value", "number"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(document: Any, place: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_filter(document, fields=["law", "n"])
    assert list(caught.value.fields) == [place]
    assert says in caught.value.message


def test_a_filter_of_any_depth_is_refused_and_not_followed() -> None:
    document: dict[str, Any] = {"field": "law", "op": "exists"}
    for _ in range(5_000):
        document = {"not": document}
    with pytest.raises(MalformedError, match="nested"):
        parse_filter(document)
