"""Batches of samples as torch's `default_collate` makes them, also where samples lack a key or have lists in one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import _utils

from themisdb_datasets.sample import Sample


def collate_samples(batch: Sequence[dict[str, Any]], *, collate_fn_map: Any = None) -> dict[str, Any]:
    """A dict with every key that any of the samples has.

    Numbers that no sample lacks become a tensor, nested objects such as `metadata` a dict of their own, and everything
    else a list with a value for each sample: "" for a text that is absent, None for anything else.
    """
    keys = dict.fromkeys(key for sample in batch for key in sample)
    return {key: _collate([sample.get(key) for sample in batch]) for key in keys}


def _collate(values: list[Any]) -> Any:
    kinds = set(map(type, values))
    if kinds == {float} or kinds == {int, float}:
        return torch.tensor(values, dtype=torch.float64)
    if kinds == {bool}:
        return torch.tensor(values)
    if kinds == {int}:
        # What does not fit into 64 bits stays as it is.
        return torch.tensor(values) if all(-(1 << 63) <= value < 1 << 63 for value in values) else values
    if dict in kinds and kinds <= {dict, type(None)}:
        return collate_samples([value or {} for value in values])
    if kinds == {str, type(None)}:
        return [value or "" for value in values]
    return values


def teach_default_collate() -> None:
    """Have torch's `default_collate`, which DataLoader uses by itself, make batches of samples so."""
    table: dict[type, Callable[..., Any]] = _utils.collate.default_collate_fn_map
    table[Sample] = collate_samples


teach_default_collate()
