"""Streams as HuggingFace's datasets."""

from typing import TYPE_CHECKING

from themisdb_datasets.extras import handing_on

if TYPE_CHECKING:
    from themisdb_datasets.huggingface.cards import push_card
    from themisdb_datasets.huggingface.streams import features_of, load, themisdb_generator

_PLACES = {
    "features_of": "huggingface.streams",
    "load": "huggingface.streams",
    "push_card": "huggingface.cards",
    "themisdb_generator": "huggingface.streams",
}
__all__ = ["features_of", "load", "push_card", "themisdb_generator"]

__getattr__, __dir__ = handing_on(__name__, _PLACES)
