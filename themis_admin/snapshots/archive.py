"""The archive's side of snapshots: their folders in the storage, and the link to the newest of each series."""

from pathlib import Path

from django.conf import settings

from themis_admin.snapshots.models import Snapshot
from themisdb_datasets.engine.snapshots.archive import Archive


def archive() -> Archive:
    """Where the folders and the links are."""
    return Archive(Path(settings.THEMIS.storage) / "snapshots")


def point(dataset: int, series: str) -> None:
    """Let the series' link lead to its newest snapshot; after the transaction that made or removed one.

    It looks again afterwards: of two that point at the same time, the one that comes last has seen the newest.
    """
    newest = _newest(dataset, series)
    while True:
        archive().point(dataset, series, newest)
        again = _newest(dataset, series)
        if again == newest:
            return
        newest = again


def _newest(dataset: int, series: str) -> str | None:
    rows = Snapshot.objects.published().filter(dataset_id=dataset, series=series)
    return rows.order_by("-pk").values_list("folder", flat=True).first()


def tidy() -> None:
    """Point anew where a process was killed before it could, and remove what nobody keeps and nobody reads any more."""
    published = Snapshot.objects.published()
    series = published.order_by().values_list("dataset_id", "series").distinct()
    for dataset, name in {*series, *archive().links()}:
        point(dataset, name)
    # Read once, before folders are looked at: a snapshot that is
    # published meanwhile has a folder too young to be removed.
    kept = set(published.values_list("dataset_id", "folder"))
    archive().remove_unkept(
        lambda dataset, folder: (dataset, folder) in kept,
        grace_seconds=settings.THEMIS.snapshot_grace_seconds,
    )
