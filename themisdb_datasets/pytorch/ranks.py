"""Who this process is among the ranks of a training, and what they agree on."""

import os
from collections.abc import Callable
from typing import TypeVar

from torch import distributed

from themisdb_datasets.errors import MalformedError, ThemisError

Agreed = TypeVar("Agreed")


def own(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """The rank and the number of ranks: as given, as torch.distributed knows them, or 0 of 1.

    MalformedError for one given without the other, and where a launcher such as torchrun has started several ranks that
    do not know of each other yet, for each would take all samples.
    """
    if (rank is None) != (world_size is None):
        raise MalformedError("Give both rank and world_size, or neither.")
    if rank is not None and world_size is not None:
        return rank, world_size
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise MalformedError(
            "WORLD_SIZE says that there are several ranks: make the dataset after torch.distributed.init_process_group, or"
            " give it rank and world_size."
        )
    return 0, 1


def agreed(world_size: int, decide: Callable[[], Agreed]) -> Agreed:
    """What rank 0 decides, on all ranks of the process group; what it fails with is raised on all of them."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return decide()
    if distributed.get_world_size() != world_size or world_size == 1:
        return decide()
    told: list[tuple[Agreed | None, tuple[str, str] | None]] = [(None, None)]
    if distributed.get_rank() == 0:
        try:
            told = [(decide(), None)]
        except ThemisError as error:
            # Sent too: the others are waiting in the broadcast, and would until the process group's timeout.
            told = [(None, (error.message, error.code))]
    distributed.broadcast_object_list(told, src=0)
    decided, failed = told[0]
    if failed is not None:
        raise ThemisError(failed[0], code=failed[1])
    assert decided is not None
    return decided
