"""A weight is explained factor by factor, of the sample at its position."""

from tests.themisdb_datasets.engine.versions.test_deletions import pair
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.preview import explain
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting

__all__ = ["pair"]


def test_a_weight_is_explained_of_the_sample_at_that_position(pair: tuple[OpenVersion, OpenVersion]) -> None:
    left, fresh = pair
    weighting = Weighting(explicit=Explicit("w", 1.0))
    for position in (0, left.num_samples - 1):
        assert explain(left, weighting, position) == explain(fresh, weighting, position)
