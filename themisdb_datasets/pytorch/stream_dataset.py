"""A theme as a torch IterableDataset: shared out to ranks and workers, resumed in mid-epoch, cached where asked for."""

import operator
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex

import torch
from torch.utils.data import IterableDataset, get_worker_info

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.feedback import Feedback
from themisdb_datasets.errors import MalformedError, PlanChangedError
from themisdb_datasets.order import rank_size
from themisdb_datasets.pytorch import collating, ranks
from themisdb_datasets.pytorch.tally import Tally
from themisdb_datasets.trainer.caches import MemoryCache
from themisdb_datasets.trainer.disk_cache import DiskCache
from themisdb_datasets.trainer.epochs import Epochs, Pinned, cached_epoch, pin
from themisdb_datasets.trainer.sample import Sample, parse
from themisdb_datasets.trainer.sharing import ConsumerShare, check_rank, share

MEMORY_BYTES = 1 << 30
ARGUMENTS = (
    "rank",
    "world_size",
    "drop_last",
    "dry_run",
)  # of a request, which the dataset has or does itself
# What has to be as it was for a worker to go on with its own share.
TOPOLOGY = ("rank", "world_size", "worker", "num_workers", "drop_last")

collating.teach_default_collate()


class ThemisDBStreamDataset(IterableDataset[Sample]):
    """The samples of a query, each a `Sample`: a dict as its line says.

    The constructor asks the server for the plan once, so that a wrong token or theme fails here, and pins it: all epochs,
    ranks and workers get the lines of the one version, whatever happens to the theme meanwhile. Made after
    `torch.distributed.init_process_group`, all ranks take the plan of rank 0.

    `query_params` are those of the export API; `order`, `seed` and `set_epoch` shuffle. A rank gets an equal number of
    samples (the last are wrapped round, or left out by `drop_last`), and its DataLoader workers part them, none twice and
    none lost. `prefetch_size` samples are read ahead by a thread while a model computes.

    Caches: `cache_dir` keeps the lines on disk while the first epoch runs, at most `cache_bytes` of all plans together;
    `cache_enabled = True` keeps them in memory, at most `memory_bytes`; both together keep those in memory that are used
    most. ThemisError and its kinds say what is wrong.

    With `cursors=True` each sample has its "cursor", by which `dataset.feedback(batch["cursor"], losses)` tells Themis how
    hard it was, as a part of the run named `run`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        query_params: Mapping[str, Any] | None = None,
        cache_dir: str | PathLike[str] | None = None,
        prefetch_size: int = 1000,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
        cache_bytes: int | None = None,
        memory_bytes: int = MEMORY_BYTES,
        cursors: bool = False,
        run: str = "default",
        **connection: Any,
    ) -> None:
        self.base_url, self.token = base_url, token
        self.query_params = dict(query_params or {})
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.prefetch_size = prefetch_size
        self.cache_bytes, self.memory_bytes = cache_bytes, memory_bytes
        self.cache_enabled = False
        self.cursors, self.run, self.drop_last = cursors, run, drop_last
        self._connect = partial(Client, base_url, token, **connection)
        self.rank, self.world_size = ranks.own(rank, world_size)
        check_rank(self.rank, self.world_size)
        _check_query(self.query_params)
        self.pinned = ranks.agreed(self.world_size, self._pin)
        # Workers are told of a new epoch also where they live on, so it is in memory that they share.
        self._epoch = torch.tensor(self.pinned.ordering.epoch).share_memory_()
        self._epochs: Epochs | None = None
        self._resumed: dict[str, Any] | None = None
        # Where the last loop began, and how far it is.
        self._state: dict[str, Any] = {}
        self._tally = Tally()

    @property
    def plan(self) -> str:
        """The digest of the plan that is pinned; `query_params={"cursor": f"{plan}.0"}` pins it again."""
        return self.pinned.plan

    @property
    def version(self) -> str:
        """The digest of the version that is pinned."""
        return self.pinned.version

    @property
    def epoch(self) -> int:
        """The epoch that the next loop goes through."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Have the next loop go through this epoch: shuffled and weighted orders are drawn anew in each."""
        self._epoch.fill_(epoch)

    @cached_property
    def feedback(self) -> Feedback:
        """Call it with the cursors of samples, or with their ids, and their losses.

        They are told in the background, and nothing waits for it.
        """
        return Feedback(self.base_url, self.token, run=self.run, plan=self.plan)

    def __len__(self) -> int:
        """How many samples this rank gets in an epoch; TypeError for a continuous stream."""
        if self.pinned.num_samples is None:
            raise TypeError("A continuous stream has no length.")
        return rank_size(self.pinned.num_samples, world_size=self.world_size, drop_last=self.drop_last)

    def __iter__(self) -> Iterator[Sample]:
        self._state = state = self._begin()
        self._tally = tally = Tally(state["done"])
        part = self._share(state["start"])
        return tally.over(self._opened().samples(part, epoch=state["epoch"], done=state["done"]))

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """The sample of this number in stored order (of a mix: as delivered), wherever this rank's share lies.

        Negative ones count from the end; IndexError for one that there is not.
        """
        number, total = operator.index(index), self.pinned.total
        if not -total <= number < total:
            raise IndexError(f"sample {number} of {total}")
        return self._fetch_item(number % total)

    def state_dict(self) -> dict[str, Any]:
        """Where the loop is, in this worker; torchdata's StatefulDataLoader collects those of all workers."""
        if self._state and self._resumed is None:
            return {**self._state, "done": self._tally.done}
        return dict(self._resumed or self._begin())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next loop go on there. PlanChangedError where that was another plan, which is not gone on with silently."""
        if state["plan"] != self.plan:
            raise PlanChangedError(
                f"The state is of plan {state['plan']}, and this dataset's query is another plan now: its version, its theme or"
                f' the query has changed. query_params={{"cursor": "{state["plan"]}.0"}} goes on with what the state is of.'
            )
        if state.get("stop", self.pinned.stop) != self.pinned.stop:
            limit = "" if state["stop"] is None else f', "limit": {state["stop"] - state["start"]}'
            raise PlanChangedError(
                f"The state is of a part of the plan that ends at {state['stop']}, and this dataset's ends at {self.pinned.stop}."
                f' query_params={{"cursor": "{state["plan"]}.{state["start"]}"{limit}}} goes on with it.'
            )
        self._resumed = dict(state)
        self.set_epoch(state["epoch"])

    def _fetch_item(self, index: int) -> Sample:
        return parse(self._opened().line(index))

    def _begin(self) -> dict[str, Any]:
        """The state at the start of a loop: that of the epoch, or where a state that was loaded says."""
        info = get_worker_info()
        worker, num_workers = (0, 1) if info is None else (info.id, info.num_workers)
        fresh = {"plan": self.plan, "epoch": self.epoch, "start": self.pinned.start, "done": 0}
        fresh["stop"] = self.pinned.stop
        fresh |= {"rank": self.rank, "world_size": self.world_size, "drop_last": self.drop_last}
        fresh |= {"worker": worker, "num_workers": num_workers}
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            return fresh
        if all(resumed[name] == fresh[name] for name in TOPOLOGY):
            return resumed
        if resumed["num_workers"] > 1:
            raise MalformedError(
                f"The state is that of {resumed['num_workers']} workers of rank {resumed['rank']} of {resumed['world_size']},"
                f" so it can be gone on with by as many only, not by {num_workers} of rank {self.rank} of {self.world_size}."
            )
        # Each rank had as many: together they had all before a position, from which any others go on.
        start = resumed["start"] + resumed["done"] * resumed["world_size"]
        return {**fresh, "epoch": resumed["epoch"], "start": start}

    def _share(self, start: int) -> ConsumerShare:
        num_samples = self.pinned.num_samples
        if num_samples is not None:
            num_samples = max(num_samples - (start - self.pinned.start), 0)
        return share(
            start,
            num_samples,
            rank=self.rank,
            world_size=self.world_size,
            worker=self._state["worker"],
            num_workers=self._state["num_workers"],
            drop_last=self.drop_last,
        )

    def _pin(self) -> Pinned:
        with self._connect() as client:
            pinned = pin(client, self.query_params)
            if self.cursors and pinned.num_samples is not None:
                # Lines out of a cache are named by the plan that it holds, so the server has to know that one.
                client.plan(cached_epoch(pinned, pinned.ordering.epoch).query)
            return pinned

    def _opened(self) -> Epochs:
        """The reader of this process, with the caches that are wanted."""
        if self._epochs is None:
            disk = None if self.cache_dir is None else DiskCache(self.cache_dir, max_bytes=self.cache_bytes)
            self._epochs = Epochs(
                self.pinned, self._connect, prefetch_size=self.prefetch_size, disk=disk, cursors=self.cursors
            )
        if not self.cache_enabled:
            self._epochs.memory = None
        elif self._epochs.memory is None:
            self._epochs.memory = MemoryCache(max_bytes=self.memory_bytes)
        return self._epochs

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is spawned opens its own connections, files and caches.
        state = {**self.__dict__, "_epochs": None, "_tally": Tally(self._tally.done)}
        state.pop("feedback", None)
        return state


def _check_query(query: Mapping[str, Any]) -> None:
    for name in ARGUMENTS:
        if name in query:
            raise MalformedError.at(
                name,
                "{name} is no part of query_params here; the dataset takes rank, world_size and drop_last itself.",
                code="bad_parameter",
                name=name,
            )
