"""Who gets which positions of an epoch: ranks an equal number, a rank's workers what it has, none twice and none lost."""

from dataclasses import dataclass

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.order import rank_size


@dataclass(frozen=True)
class ConsumerShare:
    """The positions of one consumer: `start + consumer`, then every `num_consumers`-th, `num_samples` in all.

    `num_samples` is None where the plan has no end.
    """

    start: int
    consumer: int
    num_consumers: int
    num_samples: int | None

    def position(self, done: int) -> int:
        """The position of its next sample after `done` of them; from the plan's size on, positions wrap round."""
        return self.start + self.consumer + done * self.num_consumers

    def base(self, done: int) -> int:
        """Where a request starts that goes on after `done` samples, by the server's `rank` and `world_size`."""
        return self.start + done * self.num_consumers

    def left(self, done: int) -> int | None:
        """How many samples are left after `done`."""
        return None if self.num_samples is None else max(self.num_samples - done, 0)


def share(
    start: int,
    num_samples: int | None,
    *,
    rank: int = 0,
    world_size: int = 1,
    worker: int = 0,
    num_workers: int = 1,
    drop_last: bool = False,
) -> ConsumerShare:
    """The share of worker `worker` of `num_workers` on rank `rank` of `world_size`.

    Shared out are `num_samples` positions from `start` on, or without end. A rank has the positions `start + rank + k *
    world_size` whatever its number of workers; of these a worker takes every `num_workers`-th, so workers may differ by one
    sample, which ranks never do.
    """
    check_rank(rank, world_size)
    # The rank's j-th position is start + rank + j * world_size, and the worker's are those with j = worker +
    # k * num_workers: one progression again, so a worker asks the server as if it were a rank.
    consumer, num_consumers = worker * world_size + rank, num_workers * world_size
    if num_samples is None:
        return ConsumerShare(start, consumer, num_consumers, None)
    each = rank_size(num_samples, world_size=world_size, drop_last=drop_last)
    return ConsumerShare(start, consumer, num_consumers, max(-(-(each - worker) // num_workers), 0))


def check_rank(rank: int, world_size: int) -> None:
    """MalformedError for a rank that does not exist."""
    if not 0 <= rank < world_size:
        raise MalformedError.at(
            "rank",
            "rank {rank} does not exist among world_size {world_size}: it is 0 or more and below it.",
            code="bad_parameter",
            rank=rank,
            world_size=world_size,
        )
