"""Selections, and other files that are made when first asked for and kept beside them, whose room they share."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.query.duck import DuckLimits
from themisdb_datasets.engine.selections.selection import SelectionCache

FILES = "files"  # the store's kind of artifacts that are one file, named by the SHA-256 of its bytes


def store() -> ArtifactStore:
    """The content-addressed store."""
    return ArtifactStore(settings.THEMIS.storage)


def kept_files() -> SelectionCache:
    """Where they are kept; what was used longest ago goes, for it can be made again."""
    themis = settings.THEMIS
    return _cache(themis.selections_dir, themis.selections_max_bytes, limits())


@lru_cache(maxsize=1)
def _cache(folder: Path, max_bytes: int, limits: DuckLimits) -> SelectionCache:
    return SelectionCache(folder, max_bytes=max_bytes, limits=limits)


def limits() -> DuckLimits:
    """What one question to DuckDB may use."""
    themis = settings.THEMIS
    work = Path(themis.work_dir)
    return DuckLimits(memory=themis.duck_memory, threads=themis.duck_threads, temp_directory=work)
