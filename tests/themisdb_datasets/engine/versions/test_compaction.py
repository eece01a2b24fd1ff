"""Which shards compaction joins."""

from pathlib import Path

import numpy as np
import pytest

from tests.themis_admin.datasets.versions.test_compaction import sample
from tests.versions import make_version
from themisdb_datasets.engine.versions.compaction import runs
from themisdb_datasets.engine.versions.version import OpenVersion

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]


def test_small_neighbours_and_shards_with_much_deleted_are_worth_it(tmp_path: Path) -> None:
    sizes = [1, 1, 30, 1, 30, 30, 1, 1, 1]
    version = make_version(tmp_path, *([sample(3) for _ in range(size)] for size in sizes))
    full = 30 * version.parts[0].num_bytes
    found = [(run.start, run.stop) for run in runs(version, shard_bytes=full)]
    assert found == [(0, 2), (6, 9)]
    deleted = [None] * 4 + [np.arange(5), np.arange(6)] + [None] * 3
    less = OpenVersion(version.parts, tuple(deleted))
    assert [(run.start, run.stop) for run in runs(less, shard_bytes=full)] == [(0, 2), (5, 9)]
