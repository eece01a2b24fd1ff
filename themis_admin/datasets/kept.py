"""Selections, and other files that are made when first asked for and kept beside them, whose room they share."""

from functools import lru_cache

from django.conf import settings

from themis_admin.settings import Themis
from themisdb_datasets.duck import DuckLimits
from themisdb_datasets.selection import SelectionCache


def kept_files() -> SelectionCache:
    """Where they are kept; what was used longest ago goes, for it can be made again."""
    return _cache(settings.THEMIS)


@lru_cache(maxsize=1)
def _cache(themis: Themis) -> SelectionCache:
    limits = DuckLimits(
        memory=themis.duck_memory, threads=themis.duck_threads, temp_directory=themis.work_dir
    )
    return SelectionCache(themis.selections_dir, max_bytes=themis.selections_max_bytes, limits=limits)
