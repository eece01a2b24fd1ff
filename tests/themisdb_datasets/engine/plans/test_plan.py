"""A plan is known by its document, and so is a cursor; what selections of it are kept."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.themisdb_datasets.engine.plans.conftest import TEXT, open_plan
from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.plan import Cursor, Plan
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria, Output, Period
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.weights.weighting import Explicit, Freshness, Length, Weighting
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.order import Ordering

AS_OF = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture(
    scope="module", params=[Ordering(), Ordering("shuffled", -1, 10**30)], ids=["stored", "shuffled"]
)
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    root = tmp_path_factory.mktemp("plan")
    samples = [{"id": i, "text": f"Satz {i} " + "ä" * (i * 37 % 200)} for i in range(1000)]
    version = make_version(root, samples[:300], samples[300:])
    without = parse_filter({"not": {"field": "id", "op": "in", "value": [5, 299, 300]}})
    return open_plan(root, version, TEXT, without, ordering=request.param)


def test_a_plan_is_known_by_its_document_alone(delivery: Delivery) -> None:
    plan = Plan(
        "a" * 64,
        Criteria(
            (
                parse_filter({"field": "n", "op": "gt", "value": 1}),
                Period("at", 1.5, None),
                Output(parse_value("{a}b")),
            ),
            Weighting(Explicit("w", 1.0), Length(parse_value("t")), Freshness("at", 90.0, AS_OF)),
        ),
        Format(
            "chat_completion", {"user": parse_value("q"), "assistant": parse_value("a")}, ("s",), weight=False
        ),
    )
    again = Plan.from_document(json.loads(json.dumps(plan.to_document())))
    assert again == plan
    assert again.digest == plan.digest != delivery.plan.digest


def test_the_cache_forgets_what_was_used_longest_ago_and_builds_it_again(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": i} for i in range(100)])
    cache = SelectionCache(tmp_path / "selections", max_bytes=2_000)
    for value in range(8):
        criteria = Criteria((parse_filter({"field": "n", "op": "ge", "value": value}),))
        assert cache.get(version, "0" * 64, criteria).num_samples == 100 - value
    left = list((tmp_path / "selections").glob("??/*"))
    assert 1 <= len(left) <= 3
    assert (
        cache.get(
            version, "0" * 64, Criteria((parse_filter({"field": "n", "op": "ge", "value": 0}),))
        ).num_samples
        == 100
    )


def test_cursors_are_read_and_nonsense_is_refused() -> None:
    assert Cursor.parse(str(Cursor("ab" * 32, 17))) == Cursor("ab" * 32, 17)
    for text in (
        "",
        "x.1",
        "ab" * 32,
        "ab" * 32 + ".-1",
        "AB" * 32 + ".1",
        "ab" * 32 + ".1" + "0" * 18,
        "ab" * 32 + ".1\n",
    ):
        with pytest.raises(MalformedError):
            Cursor.parse(text)
