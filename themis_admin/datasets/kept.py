"""Files that are made when first asked for, and kept beside the selections, whose room they share."""

from functools import lru_cache

from django.conf import settings

from themis_admin.settings import Themis
from themisdb_datasets.selection import SelectionCache


def kept_files() -> SelectionCache:
    """Where they are kept; what was used longest ago goes, for it can be made again."""
    return _cache(settings.THEMIS)


@lru_cache(maxsize=1)
def _cache(themis: Themis) -> SelectionCache:
    return SelectionCache(themis.selections_dir, max_bytes=themis.selections_max_bytes)
