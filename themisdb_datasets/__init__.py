"""Themis engine and client: shards, indexes, selections, orders, rendering and plans, with no web framework in sight.

The names below are imported when they are first used, so that each needs only what it is built on: torch for
`ThemisDBStreamDataset`, nothing but httpx, msgspec and numpy for `Client`.
"""

from typing import TYPE_CHECKING

from themisdb_datasets.extras import handing_on

if TYPE_CHECKING:
    from themisdb_datasets.client.async_client import AsyncClient
    from themisdb_datasets.client.client import Client, PlanInfo
    from themisdb_datasets.client.connection import Backoff
    from themisdb_datasets.client.feedback import Feedback
    from themisdb_datasets.errors import ThemisError
    from themisdb_datasets.huggingface.cards import push_card
    from themisdb_datasets.huggingface.streams import load, themisdb_generator
    from themisdb_datasets.offsets import OffsetIndex, index_files
    from themisdb_datasets.pytorch.stream_dataset import ThemisDBStreamDataset
    from themisdb_datasets.pytorch.training import (
        PackingCollator,
        WeightedCollator,
        WeightedTrainer,
        check_packing,
        weighted_loss,
    )
    from themisdb_datasets.tokens import TokenIndex
    from themisdb_datasets.trainer.numbered import JsonlDataset, ThemisDataset, TokensDataset
    from themisdb_datasets.trainer.sample import Sample

_PLACES = {
    "AsyncClient": "client.async_client",
    "Backoff": "client.connection",
    "Client": "client.client",
    "Feedback": "client.feedback",
    "JsonlDataset": "trainer.numbered",
    "OffsetIndex": "offsets",
    "PackingCollator": "pytorch.training",
    "PlanInfo": "client.client",
    "Sample": "trainer.sample",
    "ThemisDBStreamDataset": "pytorch.stream_dataset",
    "ThemisDataset": "trainer.numbered",
    "ThemisError": "errors",
    "TokenIndex": "tokens",
    "TokensDataset": "trainer.numbered",
    "WeightedCollator": "pytorch.training",
    "WeightedTrainer": "pytorch.training",
    "check_packing": "pytorch.training",
    "index_files": "offsets",
    "load": "huggingface.streams",
    "push_card": "huggingface.cards",
    "themisdb_generator": "huggingface.streams",
    "weighted_loss": "pytorch.training",
}
__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "Feedback",
    "JsonlDataset",
    "OffsetIndex",
    "PackingCollator",
    "PlanInfo",
    "Sample",
    "ThemisDBStreamDataset",
    "ThemisDataset",
    "ThemisError",
    "TokenIndex",
    "TokensDataset",
    "WeightedCollator",
    "WeightedTrainer",
    "check_packing",
    "index_files",
    "load",
    "push_card",
    "themisdb_generator",
    "weighted_loss",
]

__getattr__, __dir__ = handing_on(__name__, _PLACES)
