"""A weighting is the clamped product of its factors."""

from pathlib import Path
from typing import Any

import pytest

from tests.themisdb_datasets.engine.plans.test_plan import AS_OF
from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import Selection, SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.weighting import Explicit, Freshness, Length, Weighting


def select(
    root: Path, version: OpenVersion, *conditions: Any, weighting: Weighting | None = None
) -> Selection:
    criteria = Criteria(conditions, weighting or Weighting())
    return SelectionCache(root / "selections").get(version, "0" * 64, criteria)


@pytest.mark.parametrize(
    ("sample", "weight"),
    [
        ({"importance": 1.5}, 15_000),
        ({"importance": "0.25"}, 2_500),
        ({"importance": 7}, 20_000),
        ({"importance": -7}, 0),
        ({"importance": "nan"}, 8_000),
        ({"importance": True}, 8_000),
        ({"importance": None}, 8_000),
        ({}, 8_000),
        ({"text": "x" * 500}, 10_000),
        ({"text": "ä" * 5000}, 12_000),
        ({"at": "2023-12-02"}, 4_000),
        ({"at": "2024-06-01"}, 8_000),
        ({"at": "2023-12-02", "importance": 2, "text": "x" * 1000}, 15_000),
    ],
)
def test_a_weight_is_the_clamped_product_of_its_factors(
    tmp_path: Path, sample: dict[str, Any], weight: int
) -> None:
    version = make_version(tmp_path, [sample], [{"importance": 1, "at": "2024-01-01", "text": ""}])
    weighting = Weighting(
        Explicit("importance", 0.8),
        Length(parse_value("text")),
        Freshness("at", half_life_days=30, as_of=AS_OF),
    )
    assert select(tmp_path, version, weighting=weighting).weights.tolist() == [weight, 10_000]
