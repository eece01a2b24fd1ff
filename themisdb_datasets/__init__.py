"""Themis engine and client: shards, indexes, selections, orders, rendering and plans, with no web framework in sight.

The names below are imported when they are first used, so that each needs only what it is built on: torch for
`ThemisDBStreamDataset`, nothing but httpx, msgspec and numpy for `Client`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from themisdb_datasets.client import Client, PlanInfo
    from themisdb_datasets.connection import Backoff
    from themisdb_datasets.errors import ThemisError
    from themisdb_datasets.pytorch import ThemisDBStreamDataset
    from themisdb_datasets.sample import Sample

_PLACES = {
    "Backoff": "connection",
    "Client": "client",
    "PlanInfo": "client",
    "Sample": "sample",
    "ThemisDBStreamDataset": "pytorch",
    "ThemisError": "errors",
}
__all__ = ["Backoff", "Client", "PlanInfo", "Sample", "ThemisDBStreamDataset", "ThemisError"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
