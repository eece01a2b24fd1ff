"""Lines in memory: within their size, those used longest ago dropped, and in front of a disk."""

from pathlib import Path

from tests.themisdb_datasets.trainer.conftest import LINES, PLAN, blocks
from themisdb_datasets.trainer.caches import LINE_BYTES, HybridLines, MemoryCache
from themisdb_datasets.trainer.disk_cache import DiskCache


def test_what_was_used_longest_ago_is_dropped() -> None:
    cache = MemoryCache(max_bytes=3 * (100 + LINE_BYTES))
    lines = {number: bytes([number]) * 100 for number in range(4)}
    for number in range(3):
        cache.put(number, lines[number])
    assert cache.get(0) == lines[0]
    cache.put(3, lines[3])
    assert [cache.get(number) for number in range(4)] == [lines[0], None, lines[2], lines[3]]
    assert cache.has_all([0, 2, 3])
    assert not cache.has_all([0, 1])
    cache.put(3, lines[1])  # in its own place
    assert len(cache) == 3
    cache.put(4, b"x" * 10_000)
    assert cache.get(4) is None, "more than it may hold"


def test_another_plan_has_other_lines() -> None:
    cache = MemoryCache(max_bytes=1 << 20)
    cache.use("one")
    cache.put(0, b"line")
    cache.use("one")
    assert cache.get(0) == b"line"
    cache.use("two")
    assert cache.get(0) is None


def test_lines_on_disk_are_read_once_while_memory_holds_them(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path)
    disk.fill(PLAN, blocks())
    index = disk.open(PLAN)
    assert index is not None
    lines = HybridLines(MemoryCache(max_bytes=1 << 20), index)
    assert lines.__getitems__([5, 999, 5]) == [LINES[5], LINES[999], LINES[5]]
    samples = next((tmp_path / "lines").glob("*/*/samples.jsonl"))
    samples.write_bytes(b"-" * samples.stat().st_size)  # so that reading it again would show
    assert lines.__getitems__([999, 5]) == [LINES[999], LINES[5]]
    assert lines.__getitems__([6]) == [b"-" * len(LINES[6])]
