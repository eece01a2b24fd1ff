"""Streams in torch's DataLoader and transformers' Trainer."""

from typing import TYPE_CHECKING

from themisdb_datasets.extras import handing_on

if TYPE_CHECKING:
    from themisdb_datasets.pytorch.stream_dataset import ThemisDBStreamDataset
    from themisdb_datasets.pytorch.training import (
        PackingCollator,
        WeightedCollator,
        WeightedTrainer,
        check_packing,
        weighted_loss,
    )

_PLACES = {
    "PackingCollator": "pytorch.training",
    "ThemisDBStreamDataset": "pytorch.stream_dataset",
    "WeightedCollator": "pytorch.training",
    "WeightedTrainer": "pytorch.training",
    "check_packing": "pytorch.training",
    "weighted_loss": "pytorch.training",
}
__all__ = [
    "PackingCollator",
    "ThemisDBStreamDataset",
    "WeightedCollator",
    "WeightedTrainer",
    "check_packing",
    "weighted_loss",
]

__getattr__, __dir__ = handing_on(__name__, _PLACES)
