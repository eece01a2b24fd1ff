"""Batches of samples as torch's `default_collate` makes them, also where samples lack a key or have lists in one."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch.utils.data import _utils

from themisdb_datasets.trainer.sample import Sample


class CollatedBatch(dict[str, Any]):
    """A batch of samples by their keys.

    From a worker it goes to the training by value, small tensors and all: torch would hand over the memory of each by a
    descriptor of its own, which takes longer than everything else about the batch.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        values = [value.numpy() if isinstance(value, torch.Tensor) else value for value in self.values()]
        return _batch, (list(self), values)


def _batch(keys: list[str], values: list[Any]) -> CollatedBatch:
    made = [torch.from_numpy(value) if isinstance(value, np.ndarray) else value for value in values]
    return CollatedBatch(zip(keys, made, strict=True))


def collate_samples(batch: Sequence[dict[str, Any]], *, collate_fn_map: Any = None) -> CollatedBatch:
    """A dict with every key that any of the samples has.

    Numbers that no sample lacks become a tensor, nested objects such as `metadata` a dict of their own, and everything
    else a list with a value for each sample: "" for a text that is absent, None for anything else.
    """
    keys = dict.fromkeys(chain.from_iterable(batch))
    return CollatedBatch({key: _collate([sample.get(key) for sample in batch]) for key in keys})


def _collate(values: list[Any]) -> Any:
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {float} or kinds == {int, float}:
        return _tensor(values, np.float64)
    if kinds == {bool}:
        return _tensor(values, np.bool_)
    if kinds == {int}:
        # What does not fit into 64 bits stays as it is.
        return _tensor(values, np.int64) if all(-(1 << 63) <= value < 1 << 63 for value in values) else values
    if dict in kinds and kinds <= {dict, type(None)}:
        return collate_samples([value or {} for value in values])
    if kinds == {str, type(None)}:
        return [value or "" for value in values]
    return values


def _tensor(values: list[Any], kind: type[np.generic]) -> torch.Tensor:
    # torch takes a list apart value by value, which takes three times as long.
    return torch.from_numpy(np.array(values, kind))


def teach_default_collate() -> None:
    """Have torch's `default_collate`, which DataLoader uses by itself, make batches of samples so."""
    table: dict[type, Callable[..., Any]] = _utils.collate.default_collate_fn_map
    table[Sample] = collate_samples


teach_default_collate()
