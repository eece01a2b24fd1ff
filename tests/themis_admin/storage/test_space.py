"""Room on the disk: asked for before something large is started."""

import gzip
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from themis_admin.storage.space import (
    ESTIMATED_FROM,
    check_room,
    estimate_unpacked,
    free_bytes,
    remove_file,
    unpacking_limits,
)
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.errors import TooLargeError


def test_what_fits_beside_the_reserve_may_start(settings: Settings, tmp_path: Path) -> None:
    missing = tmp_path / "not" / "there" / "yet"
    free = free_bytes(missing)
    assert free > 0
    settings.THEMIS = replace(settings.THEMIS, min_free_bytes=0)
    check_room(free // 2, folder=missing, what="The upload")
    settings.THEMIS = replace(settings.THEMIS, min_free_bytes=free)
    with pytest.raises(TooLargeError, match=r"The upload needs about .* must stay free") as caught:
        check_room(free // 2, folder=missing, what="The upload")
    assert caught.value.code == "no_space"
    assert caught.value.fields["needed_bytes"] == free // 2
    assert caught.value.fields["reserved_bytes"] == free


def test_no_limit_is_zero_in_the_settings(settings: Settings) -> None:
    settings.THEMIS = replace(settings.THEMIS, max_unpacked_bytes=0, max_unpacked_ratio=0)
    assert (unpacking_limits().max_bytes, unpacking_limits().max_ratio) == (None, None)
    settings.THEMIS = replace(settings.THEMIS, max_unpacked_bytes=5, max_unpacked_ratio=7)
    assert (unpacking_limits().max_bytes, unpacking_limits().max_ratio) == (5, 7)


def test_a_small_file_is_counted_and_a_large_one_estimated_by_its_beginning(tmp_path: Path) -> None:
    line = random.Random(1).randbytes(500).hex().encode() + b"\n"
    for name, lines in (("small.jsonl.gz", 100), ("large.jsonl.gz", 4 * ESTIMATED_FROM // len(line))):
        path = tmp_path / name
        with gzip.open(path, "wb", compresslevel=1) as file:
            for number in range(lines):
                file.write(b"%08d" % (number * 7919 % 10**8) + line)
        size = lines * (len(line) + 8)
        estimate = estimate_unpacked(open_source(path, name))
        if name.startswith("small"):
            assert estimate == size
        else:
            assert abs(estimate / size - 1) < 0.2


def test_a_file_that_is_gone_can_be_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    for _ in range(2):
        remove_file(path)
        assert not path.exists()
