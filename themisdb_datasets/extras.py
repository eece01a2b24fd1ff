"""Modules that are built on what an extra installs: where that is missing, the error says how to get it."""

from importlib import import_module
from types import ModuleType

_EXTRAS = {
    "accelerate": "train",
    "datasets": "hf",
    "duckdb": "engine",
    "huggingface_hub": "hf",
    "pyarrow": "engine",
    "tokenizers": "engine",
    "torch": "torch",
    "torchdata": "torch",
    "transformers": "train",
    "websockets": "feedback",
}


def import_ours(name: str) -> ModuleType:
    """The module of this package with that name. ModuleNotFoundError: an extra is not installed; it says which."""
    try:
        return import_module(f"themisdb_datasets.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        raise ModuleNotFoundError(
            f"This needs {missing}: pip install 'themisdb-datasets[{_EXTRAS[missing]}]'", name=missing
        ) from error
