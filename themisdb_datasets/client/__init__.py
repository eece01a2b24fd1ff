"""Asking a Themis over HTTP, synchronously and with asyncio."""

from typing import TYPE_CHECKING

from themisdb_datasets.extras import handing_on

if TYPE_CHECKING:
    from themisdb_datasets.client.async_client import AsyncClient
    from themisdb_datasets.client.client import Client, PlanInfo
    from themisdb_datasets.client.connection import Backoff
    from themisdb_datasets.client.feedback import Feedback
    from themisdb_datasets.client.streams import SampleStream

_PLACES = {
    "AsyncClient": "client.async_client",
    "Backoff": "client.connection",
    "Client": "client.client",
    "Feedback": "client.feedback",
    "PlanInfo": "client.client",
    "SampleStream": "client.streams",
}
__all__ = ["AsyncClient", "Backoff", "Client", "Feedback", "PlanInfo", "SampleStream"]

__getattr__, __dir__ = handing_on(__name__, _PLACES)
