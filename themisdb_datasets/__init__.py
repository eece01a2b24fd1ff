"""Themis engine and client: shards, indexes, selections, orders, rendering and plans, with no web framework in sight.

The names below are imported when they are first used, so that each needs only what it is built on: torch for
`ThemisDBStreamDataset`, nothing but httpx, msgspec and numpy for `Client`.
"""

from typing import TYPE_CHECKING, Any

from themisdb_datasets.extras import import_ours

if TYPE_CHECKING:
    from themisdb_datasets.async_client import AsyncClient
    from themisdb_datasets.cards import push_card
    from themisdb_datasets.client import Client, PlanInfo
    from themisdb_datasets.connection import Backoff
    from themisdb_datasets.errors import ThemisError
    from themisdb_datasets.feedback import Feedback
    from themisdb_datasets.huggingface import load, themisdb_generator
    from themisdb_datasets.pytorch import ThemisDBStreamDataset
    from themisdb_datasets.sample import Sample
    from themisdb_datasets.samples import JsonlDataset, ThemisDataset, TokensDataset
    from themisdb_datasets.training import (
        PackingCollator,
        WeightedCollator,
        WeightedTrainer,
        check_packing,
        weighted_loss,
    )

_PLACES = {
    "AsyncClient": "async_client",
    "Backoff": "connection",
    "Client": "client",
    "Feedback": "feedback",
    "JsonlDataset": "samples",
    "PackingCollator": "training",
    "PlanInfo": "client",
    "Sample": "sample",
    "ThemisDBStreamDataset": "pytorch",
    "ThemisDataset": "samples",
    "ThemisError": "errors",
    "TokensDataset": "samples",
    "WeightedCollator": "training",
    "WeightedTrainer": "training",
    "check_packing": "training",
    "load": "huggingface",
    "push_card": "cards",
    "themisdb_generator": "huggingface",
    "weighted_loss": "training",
}
__all__ = [
    "AsyncClient",
    "Backoff",
    "Client",
    "Feedback",
    "JsonlDataset",
    "PackingCollator",
    "PlanInfo",
    "Sample",
    "ThemisDBStreamDataset",
    "ThemisDataset",
    "ThemisError",
    "TokensDataset",
    "WeightedCollator",
    "WeightedTrainer",
    "check_packing",
    "load",
    "push_card",
    "themisdb_generator",
    "weighted_loss",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_ours(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
