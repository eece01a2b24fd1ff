"""Which processes have to start anew when a source changes: what `manage.py up --reload` watches."""

import threading
from collections.abc import Iterator
from pathlib import Path

from watchfiles import DefaultFilter, watch

CODE = ("themis_admin", "indexing", "exports", "themisdb_datasets")
SHOWN = ("templates", "static")  # by the web process alone, which reads them once
RUNNING_CODE = frozenset({"web", "worker", "sweeper"})
SHOWING = frozenset({"web"})


def affected(paths: Iterator[Path], *, base: Path) -> frozenset[str]:
    """The names of the processes that run or show any of these files."""
    names: frozenset[str] = frozenset()
    for path in paths:
        folder = path.relative_to(base).parts[0]
        if folder in SHOWN:
            names |= SHOWING
        elif path.suffix == ".py":
            names |= RUNNING_CODE
    return names


def changes(base: Path, *, seconds: float, stopping: threading.Event) -> Iterator[frozenset[str]]:
    """The processes to start anew, every so many seconds, mostly none; ends once `stopping` is set."""
    folders = [base / name for name in (*CODE, *SHOWN)]
    milliseconds = int(seconds * 1000)
    for changed in watch(
        *folders,
        watch_filter=DefaultFilter(),  # without compiled files and what editors leave
        stop_event=stopping,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        step=50,
        debounce=milliseconds,
    ):
        yield affected((Path(path) for _, path in changed), base=base)
