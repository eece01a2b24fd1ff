"""The samples of a pinned plan, epoch by epoch and from anywhere: out of a stream, out of memory, or off the disk."""

import hashlib
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.streams import LineBlock, SampleStream
from themisdb_datasets.errors import PlanChangedError, ThemisError
from themisdb_datasets.order import Order, Ordering, StoredOrder
from themisdb_datasets.trainer.caches import HybridLines, MemoryCache
from themisdb_datasets.trainer.disk_cache import DiskCache
from themisdb_datasets.trainer.prefetch import Prefetch
from themisdb_datasets.trainer.sample import Sample, parse_all, parse_lines
from themisdb_datasets.trainer.sharing import ConsumerShare

READ_ROWS = 256  # lines that are found and parsed at once: more of them leave the processor's cache

Connect = Callable[[], Client]
IntOrInts = TypeVar("IntOrInts", int, npt.NDArray[np.int64])


@dataclass(frozen=True)
class Pinned:
    """What a training goes through: a plan, and the window of it that is asked for.

    `total` counts the lines of an epoch; `num_samples` those of the window, None where it has no end, and `num_bytes` is about
    their size.
    """

    plan: str
    version: str
    document: dict[str, Any]
    total: int
    start: int
    num_samples: int | None
    num_bytes: int

    @property
    def ordering(self) -> Ordering:
        """The order of its lines."""
        return Ordering.from_document(self.document["order"])

    @property
    def stop(self) -> int | None:
        """The position behind the window; None where it has no end."""
        return None if self.num_samples is None else self.start + self.num_samples

    @property
    def is_whole(self) -> bool:
        """Whether the window is all of an epoch."""
        return self.start == 0 and self.num_samples == self.total

    def wrapped(self, positions: IntOrInts) -> IntOrInts:
        """Where these are: those behind the window go round in it."""
        return positions if not self.num_samples else (positions - self.start) % self.num_samples + self.start


class CachedEpoch(NamedTuple):
    """The lines that a cache holds for an epoch: all of plan `plan`, which `query` asks for, and where each is in it."""

    plan: str
    query: dict[str, Any]
    order: Order


class NumberedLines(Protocol):
    """Lines by their number."""

    def __getitems__(self, numbers: Sequence[int], /) -> list[bytes]: ...


def pin(client: Client, query: Mapping[str, Any]) -> Pinned:
    """Ask for the plan of a query, and for which of it; a plan that was asked for can be streamed from then on."""
    info = client.plan(query)
    start = int(info.cursor.rpartition(".")[2])
    continuous = "continuous" in info.document
    num_samples = query.get("limit") if continuous else info.num_samples
    num_bytes = info.answer["estimated_bytes"]
    return Pinned(info.digest, info.version, info.document, info.total, start, num_samples, num_bytes)


def cached_epoch(pinned: Pinned, epoch: int) -> CachedEpoch:
    """What to hold for this epoch of a plan.

    Stored and shuffled epochs are the same lines, which `order/1` finds in every one of them. Weighted draws and mixes are
    known to the server alone, so an epoch of theirs is held as it is delivered.
    """
    ordering = replace(pinned.ordering, epoch=epoch)
    if "mix" in pinned.document or ordering.kind == "weighted":
        query: dict[str, Any] = {"epoch": epoch}
        order: Order = StoredOrder(pinned.total)
    else:
        query, order = {"order": "stored"}, ordering.over(pinned.total)
        ordering = Ordering()
    # The digest that the server gives this plan, made here as it makes it, so that a cache is found without
    # asking; a filling checks that the two agree.
    document = {**pinned.document, "order": ordering.to_document()}
    digest = hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()
    return CachedEpoch(digest, {"cursor": f"{pinned.plan}.0", **query}, order)


class Epochs:
    """The samples of a pinned plan's epochs for one process; what it caches is what `memory` and `disk` are there for."""

    def __init__(
        self,
        pinned: Pinned,
        connect: Connect,
        *,
        prefetch_size: int,
        memory: MemoryCache | None = None,
        disk: DiskCache | None = None,
        cursors: bool = False,
    ) -> None:
        self.pinned, self.memory, self.cursors = pinned, memory, cursors
        # Lines of a part of an epoch only would cost all of them.
        self.disk = disk if pinned.is_whole else None
        self._connect, self._prefetch_size = connect, prefetch_size
        self._filling: _Filling | None = None

    def samples(
        self, share: ConsumerShare, *, epoch: int, done: int = 0
    ) -> Generator[list[Sample], None, None]:
        """The samples of a share from its `done`-th on, as many at a time as come; at their end a cache on disk is filled.

        They are streamed until it is, and what is left of them then comes out of it.
        """
        if share.left(done) == 0:
            return
        if self.pinned.num_samples is None:
            yield from self._streamed(share, epoch, done, None)
            return
        held = cached_epoch(self.pinned, epoch)
        lines = self._held(held, share, done)
        if lines is None:
            filling = self._filled(held)
            with closing(self._streamed(share, epoch, done, held)) as streamed:
                for samples in streamed:
                    yield samples
                    done += len(samples)
                    # Asked after each block: the rest of a long epoch then costs no network.
                    if filling is not None and filling.has_filled(held):
                        lines, filling = self._held(held, share, done), None
                        if lines is not None:
                            break
            if self._filling is not None:
                self._filling.finish()
        if lines is not None:
            yield from self._read(lines, held, share, done)

    def _filled(self, held: CachedEpoch) -> "_Filling | None":
        """The filling of the cache on disk: the one under way, or a new one."""
        if self.disk is not None and (self._filling is None or self._filling.ended):
            self._filling = _Filling(self.disk, held, self._connect, expected=self.pinned.num_bytes)
        return self._filling

    def line(self, number: int) -> bytes:
        """The line of this number in stored order (in its delivered order, of a mix), from a cache where it is there."""
        held = cached_epoch(self.pinned, self.pinned.ordering.epoch)
        if self.memory is not None:
            self.memory.use(held.plan)
            if (line := self.memory.get(number)) is not None:
                return line
        index = self.disk.open(held.plan) if self.disk is not None else None
        if index is not None:
            line = index[number]
        else:
            query = {**held.query, "cursor": f"{self.pinned.plan}.{number}"}
            with self._connect() as client:
                line = b"".join(block.data for block in client.stream(query, limit=1))
        if self.memory is not None:
            self.memory.put(number, line)
        return line

    def _held(self, held: CachedEpoch, share: ConsumerShare, done: int) -> NumberedLines | None:
        """Lines that need no network, where all of the share are there."""
        if self.memory is not None:
            self.memory.use(held.plan)
        if self.disk is not None and (index := self.disk.open(held.plan)) is not None:
            return index if self.memory is None else HybridLines(self.memory, index)
        if self.memory is not None and len(self.memory) >= (share.left(done) or 0):
            return self.memory if self.memory.has_all(self._numbers(held, share, done, None)) else None
        return None

    def _numbers(self, held: CachedEpoch, share: ConsumerShare, done: int, stop: int | None) -> list[int]:
        """The numbers of the share's lines from `done` to `stop`."""
        stop = share.num_samples if stop is None else stop
        # As `ConsumerShare.position` has it, for many at once.
        positions = np.arange(done, stop, dtype=np.int64)
        positions *= share.num_consumers
        positions += share.start + share.consumer
        numbers: list[int] = held.order.at(self.pinned.wrapped(positions).astype(np.uint64)).tolist()
        return numbers

    def _read(
        self, lines: NumberedLines, held: CachedEpoch, share: ConsumerShare, done: int
    ) -> Iterator[list[Sample]]:
        assert share.num_samples is not None
        for first in range(done, share.num_samples, READ_ROWS):
            numbers = self._numbers(held, share, first, min(first + READ_ROWS, share.num_samples))
            samples = parse_all(lines.__getitems__(numbers))
            if self.cursors:
                # By the plan that is held: a shuffled epoch is read out of the stored one, where the line has
                # this number.
                for number, sample in zip(numbers, samples, strict=True):
                    sample["cursor"] = f"{held.plan}.{number}"
            yield samples

    def _streamed(
        self, share: ConsumerShare, epoch: int, done: int, held: CachedEpoch | None
    ) -> Generator[list[Sample], None, None]:
        blocks = Prefetch(self._blocks(share, epoch, done), size=self._prefetch_size, weigh=_num_lines)
        with closing(blocks):
            for plan, block in blocks:
                if held is not None and self.memory is not None:
                    samples = self._remembered(self.memory, block, held, share, done)
                else:
                    samples = parse_lines(block.data)
                if self.cursors:
                    self._add_cursors(samples, plan, share, done)
                yield samples
                done += block.num_lines

    def _blocks(self, share: ConsumerShare, epoch: int, done: int) -> Iterator[tuple[str, LineBlock]]:
        """The plan that is streamed, with each block of it."""
        with self._connect() as client:
            for start, rank, world_size, limit in self._requests(share, done):
                query = {"cursor": f"{self.pinned.plan}.{start}", "epoch": epoch}
                stream = client.stream(query, rank=rank, world_size=world_size, limit=limit)
                for block in stream:
                    _check_version(stream, self.pinned)
                    yield stream.plan, block

    def _requests(self, share: ConsumerShare, done: int) -> Iterator[tuple[int, int, int, int | None]]:
        """What to ask for: start, rank, number of ranks and limit.

        The server goes round in the whole epoch only, so what wraps round in a part of it is asked for one by one.
        """
        consumer, num_consumers, stop = share.consumer, share.num_consumers, self.pinned.stop
        if stop is None or share.num_samples is None or self.pinned.is_whole:
            yield share.base(done), consumer, num_consumers, share.left(done)
            return
        # How many positions of this consumer lie before the end of the window.
        within = -(-(stop - share.start - consumer) // num_consumers)
        if done < (within := min(within, share.num_samples)):
            yield share.base(done), consumer, num_consumers, within - done
        for number in range(max(within, done), share.num_samples):
            yield self.pinned.wrapped(share.position(number)), 0, 1, 1

    def _remembered(
        self, memory: MemoryCache, block: LineBlock, held: CachedEpoch, share: ConsumerShare, done: int
    ) -> list[Sample]:
        numbers = self._numbers(held, share, done, done + block.num_lines)
        lines = block.data.split(b"\n")[:-1]
        for number, line in zip(numbers, lines, strict=True):
            memory.put(number, line)
        return parse_all(lines)

    def _add_cursors(self, samples: list[Sample], plan: str, share: ConsumerShare, done: int) -> None:
        for number, sample in enumerate(samples, done):
            sample["cursor"] = f"{plan}.{self.pinned.wrapped(share.position(number))}"


class _Filling:
    """A cache on disk being filled in a thread, or waited for while another process fills it."""

    def __init__(self, disk: DiskCache, held: CachedEpoch, connect: Connect, *, expected: int) -> None:
        self._disk, self._held, self._connect = disk, held, connect
        self._expected = expected
        self._error: ThemisError | OSError | None = None
        self._thread = threading.Thread(target=self._fill, name="themis-cache", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it is over, well or not."""
        return not self._thread.is_alive()

    def has_filled(self, held: CachedEpoch) -> bool:
        """Whether it is over, and these lines are there now."""
        return self.ended and self._error is None and self._held.plan == held.plan

    def finish(self) -> None:
        """Wait for its end; training goes on without a cache where it failed, with a warning that says why."""
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            warnings.warn(f"Nothing was cached, so it is streamed again: {error}", stacklevel=2)

    def _fill(self) -> None:
        try:
            self._disk.fill(self._held.plan, self._blocks(), expected=self._expected)
        except (ThemisError, OSError) as error:
            self._error = error

    def _blocks(self) -> Iterator[LineBlock]:
        with self._connect() as client:
            stream = client.stream(self._held.query)
            if stream.plan != self._held.plan:
                raise PlanChangedError("The server writes this plan in another way than this release does.")
            yield from stream


def _num_lines(item: tuple[str, LineBlock]) -> int:
    return item[1].num_lines


def _check_version(stream: SampleStream, pinned: Pinned) -> None:
    if stream.version != pinned.version:
        raise PlanChangedError(
            f"The stream is of version {stream.version[:12]}, not of {pinned.version[:12]}, which was pinned."
        )
