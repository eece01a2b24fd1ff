"""The content-addressed store: files and folders that are published whole, once, and never change afterwards."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from themisdb_datasets.errors import NotFoundError

DIGEST = re.compile(r"[0-9a-f]{64}")
KIND = re.compile(r"[a-z][a-z-]{0,30}")


class ArtifactStore:
    """Artifacts under `root`: <kind>/<first two digits>/<digest>, each a file or a folder named by its SHA-256."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, kind: str, digest: str) -> Path:
        """Where the artifact is or would be. Names that are no kind or no digest never reach the disk: NotFoundError."""
        if not KIND.fullmatch(kind) or not DIGEST.fullmatch(digest):
            raise NotFoundError("There is no such artifact.")
        return self.root / kind / digest[:2] / digest

    def shard_path(self, digest: str) -> Path:
        """The folder of the shard whose samples.jsonl has this SHA-256."""
        return self.path("shards", digest)

    def has(self, kind: str, digest: str) -> bool:
        """Whether the artifact has been published."""
        return self.path(kind, digest).exists()

    def publish_folder(self, folder: Path, *, kind: str, digest: str) -> Path:
        """Move `folder` (on any disk) to its place, all of it or nothing; an artifact that is there already stays."""
        target = self.path(kind, digest)
        if target.exists():
            shutil.rmtree(folder)
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(folder)
        if folder.stat().st_dev != target.parent.stat().st_dev:
            folder = self._brought_near(folder, target)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(folder)  # Somebody else published the same content in the meantime.
        # A rename is only lasting once the folder that holds the name is on disk, too.
        sync(target.parent)
        return target

    def publish_file(self, file: Path, *, kind: str, digest: str) -> Path:
        """Move `file` to its place; an artifact that is there already stays."""
        target = self.path(kind, digest)
        if target.exists():
            file.unlink()
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.stat().st_dev != target.parent.stat().st_dev:
            near = target.with_name(f".{digest}.{os.getpid()}.part")
            shutil.copyfile(file, near)
            file.unlink()
            file = near
        sync(file)
        file.rename(target)
        sync(target.parent)
        return target

    def digests(self, kind: str) -> Iterator[str]:
        """The digests of all artifacts of a kind that have been published."""
        for path in sorted((self.root / kind).glob("??/*")):
            if DIGEST.fullmatch(path.name):
                yield path.name

    def remove_folder(self, kind: str, digest: str) -> int:
        """Remove an artifact, at once for whoever looks for it; answers how many bytes it had."""
        path = self.path(kind, digest)
        trash = path.with_name(f".{digest}.{os.getpid()}.trash")
        try:
            path.rename(trash)
        except FileNotFoundError:
            return 0
        num_bytes = sum(file.stat().st_size for file in trash.rglob("*") if file.is_file())
        shutil.rmtree(trash)
        return num_bytes

    def remove_file(self, kind: str, digest: str) -> int:
        """Remove an artifact that is one file; answers how many bytes it had."""
        path = self.path(kind, digest)
        try:
            num_bytes = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return num_bytes

    def _brought_near(self, folder: Path, target: Path) -> Path:
        # A rename is only atomic within one file system: copy beside the target first.
        near = target.with_name(f".{target.name}.{os.getpid()}.part")
        shutil.rmtree(near, ignore_errors=True)
        shutil.copytree(folder, near)
        sync_tree(near)
        shutil.rmtree(folder)
        return near


def place_file(file: Path, target: Path) -> None:
    """Move `file` to `target` on the same disk, whole and durable, in the place of what was there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sync(file)
    file.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until the file or the folder's list of names is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until all of the folder is on disk, the folder itself last."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))
