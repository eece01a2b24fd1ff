"""Modules that are built on what an extra installs: where that is missing, the error says how to get it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

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


def handing_on(
    package: str, places: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that hands on names of the modules at `places` in themisdb_datasets.

    A name is imported when it is first used (PEP 562), so that each needs only what it is built on.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_ours(places[name]), name)

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *places})

    return get, names
