"""The bytes of a delivery, before one of them is made."""

from pathlib import Path

import numpy as np

from exports.delivery.estimates import COUNTED, PART, PARTS, estimate_bytes, spread
from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.version import version_digest
from themisdb_datasets.order import Ordering


def opened(folder: Path, lengths: list[int]) -> Delivery:
    """A delivery of samples whose texts are as long as told."""
    version = make_version(folder, [{"t": "ä" * length} for length in lengths])
    form = Format("text_completion", {"text": parse_value("t")}, weight=False)
    plan = Plan(version_digest(version), Criteria(), form, Ordering())
    cache = SelectionCache(folder / "selections")
    return Delivery(plan, version, [cache.get(version, plan.version, plan.selects[0])])


def size(delivery: Delivery, window: range) -> int:
    return sum(len(chunk.data) for chunk in delivery.chunks(window, batch_size=1000))


def test_few_lines_are_counted_to_the_byte(tmp_path: Path) -> None:
    delivery = opened(tmp_path, [n % 97 for n in range(1000)])
    for window in (range(1000), range(10, 20), range(1, 1000, 7), range(0)):
        assert estimate_bytes(delivery, window) == size(delivery, window)


def test_many_lines_are_estimated_from_parts_all_over_them(tmp_path: Path) -> None:
    number = COUNTED + 10_000
    # The first half is short and the second long: whoever looked at the beginning alone would be far off.
    delivery = opened(tmp_path, [1] * (number // 2) + [101] * (number // 2))
    whole = range(number)
    assert abs(estimate_bytes(delivery, whole) / size(delivery, whole) - 1) < 0.05


def test_parts_are_spread_evenly_and_stay_inside() -> None:
    for number in (COUNTED + 1, 1_000_003, 10**12):
        window = range(5, 5 + number)
        parts = spread(window)
        assert PARTS <= len(parts) <= PARTS + 1
        starts = np.array([part.start for part in parts])
        assert len(set(np.diff(starts).tolist())) == 1
        assert parts[0].start == 5
        assert all(len(part) <= PART and (not part or part[-1] in window) for part in parts)
        assert sum(len(part) for part in parts[:PARTS]) == PARTS * PART
