"""The cache on disk: whole or not there, filled once whoever asks, within its size, and what data-forager opens."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from data_forager.datasets.jsonl import JsonlDataset

from tests.processes import PATIENCE, until
from tests.themisdb_datasets.trainer.conftest import LINES, OTHER, PLAN, THIRD, Block, blocks
from themisdb_datasets.errors import ThemisError, TooLargeError
from themisdb_datasets.trainer.disk_cache import DiskCache


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "lines").rglob("*") if path.is_file())


def test_it_gives_back_what_was_put_in_and_data_forager_opens_it(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    assert cache.open(PLAN) is None
    cache.fill(PLAN, blocks())
    index = DiskCache(tmp_path).open(PLAN)
    assert index is not None
    assert list(index) == LINES
    assert index.__getitems__([999, 0, 5]) == [LINES[999], LINES[0], LINES[5]]
    theirs = JsonlDataset.create_from_index_on_filesystem(str(next((tmp_path / "lines").glob("*/*"))))
    assert [theirs[number] for number in (0, 500)] == [json.loads(LINES[0]), json.loads(LINES[500])]


def test_a_plan_without_samples_is_held_too(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.fill(PLAN, [])
    index = cache.open(PLAN)
    assert index is not None
    assert len(index) == 0


def test_a_fill_that_breaks_off_leaves_nothing_that_is_believed(tmp_path: Path) -> None:
    def broken() -> Iterator[Block]:
        yield from blocks(LINES[:500])
        raise ThemisError("The connection was lost.")

    cache = DiskCache(tmp_path)
    with pytest.raises(ThemisError, match="lost"):
        cache.fill(PLAN, broken())
    assert cache.open(PLAN) is None
    assert size_of(tmp_path) == 0
    assert not list((tmp_path / "filling").iterdir())
    cache.fill(PLAN, blocks())
    assert len(cache.open(PLAN) or []) == len(LINES)


def _fill_and_wait(folder: Path, reached: Event) -> None:
    def half() -> Iterator[Block]:
        yield from blocks(LINES[:500])
        reached.set()
        signal.pause()

    DiskCache(folder).fill(PLAN, half())


def test_a_process_that_is_killed_while_filling_leaves_nothing_that_is_believed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    reached = context.Event()
    process = context.Process(target=_fill_and_wait, args=(tmp_path, reached))
    process.start()
    assert process.pid is not None
    assert reached.wait(PATIENCE)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    cache = DiskCache(tmp_path)
    assert cache.open(PLAN) is None
    assert [draft.name for draft in (tmp_path / "filling").iterdir()] == [PLAN]
    cache.fill(OTHER, blocks())  # which throws the other draft away
    assert not list((tmp_path / "filling").iterdir())
    cache.fill(PLAN, blocks())  # its lock is free
    assert list(cache.open(PLAN) or []) == LINES


def test_a_worker_that_is_forked_while_it_is_filled_does_not_keep_the_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun, forked, ends = threading.Event(), threading.Event(), context.Event()

    def slow() -> Iterator[Block]:
        begun.set()
        assert forked.wait(30)
        yield from blocks()

    cache = DiskCache(tmp_path)
    first = threading.Thread(target=cache.fill, args=(PLAN, slow()))
    first.start()
    assert begun.wait(30)
    worker = context.Process(target=ends.wait, args=(60,))
    worker.start()
    forked.set()
    first.join(30)
    again = threading.Thread(target=cache.fill, args=(PLAN, blocks()), daemon=True)
    again.start()
    again.join(20)
    assert not again.is_alive(), "it does not wait for the worker"
    assert worker.is_alive()
    ends.set()
    worker.join(30)


def damaged(path: Path) -> list[Path]:
    return [next((path / "lines").glob(f"*/*/{name}")) for name in ("samples.jsonl", "manifest.json")] + [
        next((path / "lines").glob("*/*/index/sample_locations.bin"))
    ]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("how", ["cut", "flipped", "flipped behind its time", "gone"])
def test_what_is_damaged_is_thrown_away_and_filled_anew(tmp_path: Path, number: int, how: str) -> None:
    cache = DiskCache(tmp_path)
    cache.fill(PLAN, blocks())
    path = damaged(tmp_path)[number]
    content, before = path.read_bytes(), path.stat()
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:-20])
    else:
        while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of files ticks slowly
            path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    if how == "flipped behind its time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert DiskCache(tmp_path).open(PLAN) is None
    cache.fill(PLAN, blocks())
    assert list(cache.open(PLAN) or []) == LINES


def _fill_once(folder: Path, asked: "multiprocessing.Queue[int]") -> None:
    def counted() -> Iterator[Block]:
        asked.put(os.getpid())
        yield from blocks()

    cache = DiskCache(folder)
    cache.fill(PLAN, counted())
    index = cache.open(PLAN)
    assert index is not None
    assert list(index) == LINES


def test_of_many_processes_one_fills_it_and_the_others_wait(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    asked: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=_fill_once, args=(tmp_path, asked)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * 6
    assert asked.get(timeout=PATIENCE)
    assert asked.empty(), "only one asked for the lines"


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    one = DiskCache(tmp_path)
    one.fill(PLAN, blocks())
    each = size_of(tmp_path)
    cache = DiskCache(tmp_path, max_bytes=int(2.5 * each))
    cache.fill(OTHER, blocks())
    for plan, used in ((PLAN, 2_000), (OTHER, 1_000)):
        os.utime(tmp_path / "used" / plan, (used, used))
    opened = cache.open(OTHER)
    assert opened is not None, "so it was used last"
    cache.fill(THIRD, blocks())
    assert cache.open(PLAN) is None
    assert cache.open(OTHER) is not None
    assert size_of(tmp_path) <= 2.5 * each
    cache.max_bytes = int(1.5 * each)
    cache.fill(PLAN, blocks())
    assert size_of(tmp_path) <= 1.5 * each
    assert list(opened) == LINES, "what is open stays readable"


@pytest.mark.parametrize("expected", [0, 1])
def test_it_is_within_its_size_also_while_it_is_filled(tmp_path: Path, expected: int) -> None:
    cache = DiskCache(tmp_path)
    cache.fill(PLAN, blocks())
    cache.fill(OTHER, blocks())
    each = size_of(tmp_path) // 2
    limit = cache.max_bytes = int(2.5 * each)

    def watched() -> Iterator[Block]:
        for block in blocks():
            files = [path for path in tmp_path.glob("[fl]i*/**/*") if path.is_file()]
            assert sum(path.stat().st_size for path in files) <= limit
            yield block

    os.utime(tmp_path / "used" / OTHER, (1_000, 1_000))
    cache.fill(THIRD, watched(), expected=expected * each)
    kept = [cache.open(plan) is not None for plan in (PLAN, OTHER, THIRD)]
    assert kept == [True, False, True]


def test_what_will_not_fit_is_not_begun_and_costs_no_other_entry(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.fill(PLAN, blocks())
    cache.max_bytes = size_of(tmp_path) + 1000
    with pytest.raises(TooLargeError, match="more than the cache may hold"):
        cache.fill(OTHER, iter(lambda: pytest.fail("it was asked for"), None), expected=cache.max_bytes + 1)
    assert cache.open(PLAN) is not None
    # The places of the lines count too.
    cache.max_bytes = sum(map(len, LINES)) + 12 * len(LINES)
    with pytest.raises(TooLargeError, match="more than the cache may hold"):
        cache.fill(OTHER, blocks(size=100))


def test_where_no_note_can_be_written_it_is_read_all_the_same(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.fill(PLAN, blocks())
    shutil.rmtree(tmp_path / "used")
    (tmp_path / "used").write_text("no folder")
    for _ in range(2):
        assert list(cache.open(PLAN) or []) == LINES
    cache.fill(OTHER, blocks())
    assert list(cache.open(OTHER) or []) == LINES


def test_what_does_not_fit_at_all_is_not_kept_in_part(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, max_bytes=10_000)
    with pytest.raises(TooLargeError, match="10,000"):
        cache.fill(PLAN, blocks())
    assert cache.open(PLAN) is None
    until(lambda: not list((tmp_path / "filling").iterdir()))
