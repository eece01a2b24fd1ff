"""The archive of snapshots: a folder for each, and for each series a link that leads to its newest.

`<root>/<dataset>/<name>/` holds a snapshot's files, `<root>/<dataset>/current/<series>` is the link. It changes in one
step, and the folder it led to before stays until its readers had time to finish: who opens a file by the link reads
that file to its end.
"""

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from themisdb_datasets.artifacts import sync, sync_tree
from themisdb_datasets.errors import NotFoundError

NAME = re.compile(r"[0-9]{1,19}-[0-9a-f]{12}")
SERIES = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CURRENT = "current"
READ_ONLY = 0o444


class Archive:
    """Snapshots' folders under `root`, by the number of their dataset and by their name."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, dataset: int, name: str) -> Path:
        """Where a snapshot is or would be. What is no name of one never reaches the disk: NotFoundError."""
        if not NAME.fullmatch(name):
            raise NotFoundError("There is no such snapshot.")
        return self.root / str(dataset) / name

    def link(self, dataset: int, series: str) -> Path:
        """The link to the newest snapshot of a series. NotFoundError for what is no name of one."""
        if not SERIES.fullmatch(series):
            raise NotFoundError("There is no such series of snapshots.")
        return self.root / str(dataset) / CURRENT / series

    def place(self, dataset: int, name: str, files: Mapping[str, Path]) -> Path:
        """Make a snapshot's folder of published files, by their names in it: all of it or nothing.

        They are linked where the disk allows it, so that they take their room once, and cannot be written to: who
        opens a DuckDB file to write would change it. Its readers' grace begins anew where the folder is there already.
        """
        target = self.folder(dataset, name)
        if not target.is_dir():
            draft = target.with_name(f".{name}.{uuid.uuid4().hex}")
            draft.mkdir(parents=True)
            try:
                for known, file in files.items():
                    _same(file, draft / known)
                sync_tree(draft)
                try:
                    draft.rename(target)
                except OSError:
                    if not target.is_dir():
                        raise
                    # Somebody else has placed the same files meanwhile.
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            sync(target.parent)
        self.touch(dataset, name)
        return target

    def touch(self, dataset: int, name: str) -> None:
        """Begin the time that a folder stays for its readers though nobody keeps it."""
        with suppress(FileNotFoundError):
            os.utime(self.folder(dataset, name))

    def point(self, dataset: int, series: str, name: str | None) -> None:
        """Let the series' link lead to a snapshot, in one step; to none, and it is gone."""
        link = self.link(dataset, series)
        if self.pointed(dataset, series) == name:
            return
        if name is None:
            link.unlink(missing_ok=True)
        else:
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = link.with_name(f".{series}.{uuid.uuid4().hex}")
            # Relative, so that the archive can be mounted anywhere.
            fresh.symlink_to(Path("..") / self.folder(dataset, name).name)
            fresh.replace(link)
        sync(link.parent)

    def pointed(self, dataset: int, series: str) -> str | None:
        """The name of the snapshot that the series' link leads to."""
        try:
            return self.link(dataset, series).readlink().name
        except FileNotFoundError:
            return None

    def links(self) -> list[tuple[int, str]]:
        """Every series that has a link, by its dataset."""
        found = self.root.glob(f"*/{CURRENT}/*")
        return [
            (int(link.parts[-3]), link.name)
            for link in sorted(found)
            if link.parts[-3].isdigit() and SERIES.fullmatch(link.name)
        ]

    def remove_unkept(self, is_kept: Callable[[int, str], bool], *, grace_seconds: float) -> int:
        """Remove the folders that nobody keeps any more once their time is over; answers how many these were."""
        removed = 0
        for folder in sorted(self.root.glob("*/*")):
            dataset, name = folder.parent.name, folder.name
            draft = name.startswith(".")
            if not dataset.isdigit() or not (draft or NAME.fullmatch(name)):
                continue
            with suppress(FileNotFoundError):
                if folder.stat().st_mtime > time.time() - grace_seconds:
                    continue
                if not draft and is_kept(int(dataset), name):
                    continue
                shutil.rmtree(folder, ignore_errors=True)
                removed += not draft
        return removed


def _same(file: Path, target: Path) -> None:
    """Have the bytes of `file` at `target`, too."""
    try:
        os.link(file, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(file, target)
    target.chmod(READ_ONLY)
