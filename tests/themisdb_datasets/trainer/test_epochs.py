"""A pinned plan's epochs: out of a stream, out of memory and off the disk they are the same lines, and those of the server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.processes import until
from tests.running import Running
from themisdb_datasets import Backoff, Client
from themisdb_datasets.trainer.caches import MemoryCache
from themisdb_datasets.trainer.disk_cache import DiskCache
from themisdb_datasets.trainer.epochs import Epochs, Pinned, cached_epoch, pin
from themisdb_datasets.trainer.sample import Sample, parse_lines
from themisdb_datasets.trainer.sharing import ConsumerShare, share

ORDERS: dict[str, dict[str, Any]] = {
    "stored": {},
    "shuffled": {"order": "shuffled", "seed": 3},
    "weighted": {"order": "weighted", "seed": 3, "weighting": {"auto_weight_by_length": True}},
}


class Connecting:
    """Makes clients, and counts them: no client, no network."""

    def __init__(self, live: Running) -> None:
        self.live, self.count = live, 0

    def __call__(self) -> Client:
        self.count += 1
        return Client(self.live.url, self.live.known["token"], backoff=Backoff(shortest=0.01, longest=0.1))


@pytest.fixture
def connect(live: Running) -> Connecting:
    return Connecting(live)


def pinned(connect: Connecting, **query: Any) -> Pinned:
    with connect() as client:
        return pin(client, {"theme": connect.live.known["themes"][0], **query})


def mix(live: Running) -> dict[str, Any]:
    return {
        "theme": None,
        "themes": [{"theme": name} for name in live.known["themes"][:2]],
        "order": "shuffled",
    }


def asked(connect: Connecting, plan: Pinned, epoch: int, **more: Any) -> list[Sample]:
    """What the server says that this epoch is."""
    with connect() as client:
        stream = client.stream({"cursor": f"{plan.plan}.{plan.start}", "epoch": epoch}, **more)
        return [sample for block in stream for sample in parse_lines(block.data)]


def read(lists: Iterator[list[Sample]]) -> list[Sample]:
    return [sample for samples in lists for sample in samples]


def whole(plan: Pinned) -> ConsumerShare:
    return share(plan.start, plan.num_samples)


@pytest.fixture(params=[*ORDERS, "mix"])
def plan(request: pytest.FixtureRequest, connect: Connecting) -> Pinned:
    return pinned(connect, **(mix(connect.live) if request.param == "mix" else ORDERS[request.param]))


def test_every_epoch_is_the_servers_whatever_it_comes_from(
    connect: Connecting, plan: Pinned, tmp_path: Path
) -> None:
    wanted = [asked(connect, plan, epoch) for epoch in (0, 1)]
    assert (wanted[0] == wanted[1]) == (plan.ordering.kind == "stored")
    for memory, disk in [(None, tmp_path / "a"), (MemoryCache(max_bytes=1 << 30), None), (None, None)]:
        epochs = Epochs(
            plan, connect, prefetch_size=50, memory=memory, disk=DiskCache(disk) if disk else None
        )
        for epoch in (0, 1, 0):
            assert read(epochs.samples(whole(plan), epoch=epoch)) == wanted[epoch]
    hybrid = Epochs(
        plan,
        connect,
        prefetch_size=50,
        memory=MemoryCache(max_bytes=50_000),
        disk=DiskCache(tmp_path / "a"),
    )
    assert read(hybrid.samples(whole(plan), epoch=1)) == wanted[1]


@pytest.mark.parametrize("order", ["stored", "shuffled"])
@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_second_epoch_touches_no_network(
    connect: Connecting, tmp_path: Path, order: str, where: str
) -> None:
    plan = pinned(connect, **ORDERS[order])
    epochs = Epochs(
        plan,
        connect,
        prefetch_size=1000,
        disk=DiskCache(tmp_path) if where == "disk" else None,
        memory=MemoryCache(max_bytes=1 << 30) if where == "memory" else None,
    )
    first = read(epochs.samples(whole(plan), epoch=0))
    second_wanted = asked(connect, plan, 1)
    before = connect.count
    assert read(epochs.samples(whole(plan), epoch=1)) == second_wanted
    assert read(epochs.samples(whole(plan), epoch=0)) == first
    if where == "disk":
        later = Epochs(plan, connect, prefetch_size=1000, disk=DiskCache(tmp_path))
        assert read(later.samples(whole(plan), epoch=1)) == second_wanted
    assert connect.count == before


@pytest.mark.parametrize("order", ORDERS)
def test_once_a_cache_is_filled_the_rest_of_the_first_epoch_comes_out_of_it(
    connect: Connecting, tmp_path: Path, order: str
) -> None:
    plan = pinned(connect, **ORDERS[order])
    wanted = asked(connect, plan, 1)
    epochs = Epochs(plan, connect, prefetch_size=10, disk=DiskCache(tmp_path))
    samples = epochs.samples(whole(plan), epoch=1)
    got = next(samples)
    held = DiskCache(tmp_path)
    until(lambda: held.open(cached_epoch(plan, 1).plan) is not None, what="it is filled")
    until(lambda: not any_thread("themis-cache"), what="the filling has ended")
    got += next(samples)
    got += next(samples)
    until(lambda: not any_thread("themis-prefetch"), what="nothing is streamed any more")
    assert len(got) < len(wanted)
    assert got + read(samples) == wanted


def any_thread(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


def test_shares_from_the_disk_and_from_the_stream_are_the_same(connect: Connecting, tmp_path: Path) -> None:
    plan = pinned(connect, **ORDERS["shuffled"])
    streamed = Epochs(plan, connect, prefetch_size=100)
    cached = Epochs(plan, connect, prefetch_size=100, disk=DiskCache(tmp_path))
    read(cached.samples(whole(plan), epoch=0))
    for rank in range(3):
        part = share(0, plan.num_samples, rank=rank, world_size=7, worker=rank % 2, num_workers=2)
        for done in (0, 1, 40):
            wanted = read(streamed.samples(part, epoch=2, done=done))
            assert read(cached.samples(part, epoch=2, done=done)) == wanted
            assert len(wanted) == part.left(done)
    # The last rank's last sample is padded: the first one of the epoch again.
    last = share(0, plan.num_samples, rank=6, world_size=7)
    assert plan.total % 7
    assert read(cached.samples(last, epoch=2))[-1] == read(streamed.samples(last, epoch=2))[-1]


def test_a_window_is_streamed_and_never_cached_in_whole(connect: Connecting, tmp_path: Path) -> None:
    plan = pinned(connect, start=7, limit=20)
    assert (plan.start, plan.num_samples) == (7, 20)
    epochs = Epochs(plan, connect, prefetch_size=100, disk=DiskCache(tmp_path))
    assert read(epochs.samples(whole(plan), epoch=0)) == asked(connect, plan, 0, limit=20)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("memory", [None, MemoryCache(max_bytes=1 << 30)])
@pytest.mark.parametrize(
    ("start", "limit", "world_size"), [(7, 20, 3), (7, 21, 3), (2000, None, 3), (5, 2, 7)]
)
def test_ranks_go_round_in_a_window_and_never_leave_it(
    connect: Connecting, memory: MemoryCache | None, start: int, limit: int | None, world_size: int
) -> None:
    query = {**ORDERS["shuffled"], "start": start, **({} if limit is None else {"limit": limit})}
    plan = pinned(connect, **query)
    assert plan.num_samples is not None
    wanted = asked(connect, plan, 1, limit=plan.num_samples)
    each = -(-plan.num_samples // world_size)
    epochs = Epochs(plan, connect, prefetch_size=100, memory=memory, cursors=True)
    for rank in range(world_size):
        positions = [(rank + number * world_size) % plan.num_samples for number in range(each)]
        part = share(plan.start, plan.num_samples, rank=rank, world_size=world_size)
        for done in {0, 1, each - 1, each}:
            got = read(epochs.samples(part, epoch=1, done=done))
            cursors = [sample.pop("cursor") for sample in got]
            assert got == [wanted[position] for position in positions][done:]
            if memory is None:
                assert [int(cursor.split(".")[1]) - start for cursor in cursors] == positions[done:]


def test_what_is_kept_is_named_as_the_server_names_it(connect: Connecting, plan: Pinned) -> None:
    held = cached_epoch(plan, 4)
    with connect() as client:
        assert client.plan(held.query).digest == held.plan
    shared = plan.ordering.kind in ("stored", "shuffled") and "mix" not in plan.document
    assert (held.plan == cached_epoch(plan, 5).plan) == shared


def test_another_version_is_cached_anew(connect: Connecting, tmp_path: Path) -> None:
    api = connect()
    dataset = api.post("datasets/", {"name": f"Cached {tmp_path.name}", "key_field": "id"})
    cache = DiskCache(tmp_path / "cache")

    def take_in(count: int) -> list[int]:
        path = connect.live.data.parent / f"{tmp_path.name}.jsonl"
        path.write_bytes(
            b"".join(msgspec.json.encode({"id": n, "content": f"{n}"}) + b"\n" for n in range(count))
        )
        body = {"path": str(path), "mode": "replace"}
        job = api.post(f"datasets/{dataset['id']}/versions/", body)["job"]["url"]
        until(lambda: api.get(job)["state"] == "succeeded", what="it is taken in")
        plan = pin(api, {"dataset": dataset["id"], "format": "text_completion"})
        epochs = Epochs(plan, connect, prefetch_size=100, disk=cache)
        return [int(sample["text"]) for sample in read(epochs.samples(whole(plan), epoch=0))]

    assert take_in(10) == list(range(10))
    assert take_in(12) == list(range(12))
    assert len(list((tmp_path / "cache" / "used").iterdir())) == 2
    api.close()


def test_a_cache_that_cannot_be_filled_warns_and_training_goes_on(
    connect: Connecting, tmp_path: Path
) -> None:
    plan = pinned(connect)
    epochs = Epochs(plan, connect, prefetch_size=100, disk=DiskCache(tmp_path, max_bytes=1000))
    wanted = asked(connect, plan, 0)
    for _ in range(2):
        with pytest.warns(UserWarning, match="more than the cache may hold, 1,000 bytes"):
            assert read(epochs.samples(whole(plan), epoch=0)) == wanted


@pytest.mark.parametrize("cached", [False, True])
def test_each_sample_has_a_cursor_that_leads_back_to_it(
    connect: Connecting, tmp_path: Path, cached: bool
) -> None:
    plan = pinned(connect, **ORDERS["shuffled"])
    disk = DiskCache(tmp_path) if cached else None
    epochs = Epochs(plan, connect, prefetch_size=100, cursors=True, disk=disk)
    part = share(0, plan.num_samples, rank=1, world_size=3)
    for epoch in (0, 1):
        samples = read(epochs.samples(part, epoch=epoch))
        with connect() as client:
            for sample in (samples[0], samples[77], samples[-1]):
                (block,) = client.stream({"cursor": sample.pop("cursor")}, limit=1)
                assert list(parse_lines(block.data)) == [sample]


def test_a_line_is_found_by_its_number_wherever_it_lies(connect: Connecting, tmp_path: Path) -> None:
    plan = pinned(connect, **ORDERS["shuffled"])
    with connect() as client:
        stored = b"".join(block.data for block in client.stream(cached_epoch(plan, 0).query)).splitlines(
            keepends=True
        )
    epochs = Epochs(plan, connect, prefetch_size=100, memory=MemoryCache(max_bytes=1 << 20))
    before = connect.count
    assert [epochs.line(5), epochs.line(5)] == [stored[5]] * 2
    assert connect.count == before + 1, "it is held in memory then"
    epochs = Epochs(plan, connect, prefetch_size=100, disk=DiskCache(tmp_path))
    read(epochs.samples(whole(plan), epoch=0))
    assert epochs.line(77) == stored[77]


def test_a_loop_that_is_left_early_leaves_no_thread(connect: Connecting) -> None:
    plan = pinned(connect)
    samples = Epochs(plan, connect, prefetch_size=10).samples(whole(plan), epoch=0)
    assert isinstance(samples, Iterator)
    next(samples)
    assert any_thread("themis-prefetch")
    samples.close()
    until(lambda: not any_thread("themis-prefetch"), what="the thread has ended")
