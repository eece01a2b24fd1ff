"""A version opens as its digest says, and holds nothing that was removed."""

import shutil
import weakref
from pathlib import Path

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.kernels.gather import VIEW, gather
from themisdb_datasets.engine.versions.version import ShardCache, version_digest
from themisdb_datasets.errors import CorruptError, NotFoundError


def test_the_digest_follows_the_samples_and_not_the_cuts(tmp_path: Path) -> None:
    samples = [{"n": i, "text": "x" * 100} for i in range(50)]
    whole = make_version(tmp_path, samples)
    cut = make_version(tmp_path, samples[:20], samples[20:], shard_bytes=500)
    assert len(cut.parts) > 2
    assert version_digest(whole) == version_digest(cut)
    assert version_digest(whole) != version_digest(make_version(tmp_path, samples[::-1]))


@pytest.mark.parametrize(
    ("length", "buffer", "offset"), [(13, 0, 10), (5, 0, 19), (-1, 0, 0), (20, 1, 0), (13, 0, -1)]
)
def test_a_span_outside_its_file_is_refused_before_it_is_read(length: int, buffer: int, offset: int) -> None:
    import numpy as np
    import pyarrow as pa

    views = np.zeros(1, VIEW)
    views["length"], views["buffer"], views["offset"] = length, buffer, offset
    with pytest.raises((CorruptError, IndexError)):
        gather(views, [pa.py_buffer(b"x" * 20)])


def test_a_shard_that_was_removed_is_not_held_open(tmp_path: Path) -> None:
    cache = ShardCache(max_shards=2)
    paths = [make_version(tmp_path, [{"n": n}]).folders[0] for n in range(3)]
    first = cache.open(paths[0])
    assert cache.open(paths[0]) is first
    cache.open(paths[1])
    shutil.rmtree(paths[0])
    cache.open(paths[2])
    assert first.line(0) == b'{"n": 0}'  # whoever has it open reads on
    with pytest.raises(NotFoundError):
        cache.open(paths[0])
    released = weakref.ref(first)
    del first
    assert released() is None
