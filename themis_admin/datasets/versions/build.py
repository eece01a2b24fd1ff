"""The worker's side of whole versions: an old one is published again as the newest."""

from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.versions.publishing import Draft, find_dataset, pieces_of
from themis_admin.datasets.versions.services import check_restorable
from themis_admin.jobs.runner import RunningJob
from themisdb_datasets.errors import GoneError


def restore(job: RunningJob, *, dataset: int, version: int, note: str) -> None:
    """Publish the samples of an old version as the newest one: the same shards, so it costs rows alone."""
    target = find_dataset(dataset)
    old = _version(target, version)
    # Asked again: jobs that were before this one in the dataset's lane may have changed what is the latest.
    check_restorable(target, old)
    draft = Draft(
        dataset=target.pk,
        parent=target.latest,
        pieces=pieces_of(old),
        mode="restore",
        note=note,
        source_name=f"version {old.number}",
    )
    draft.publish(job, {"restored": old.pk, "num_samples": old.num_samples})


def _version(dataset: Dataset, pk: int) -> Version:
    found = dataset.versions.filter(pk=pk).first()
    if found is None:
        raise GoneError("The version was removed.")
    return found
