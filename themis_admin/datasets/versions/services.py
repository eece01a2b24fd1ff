"""What people do with whole versions: samples are deleted from the newest, and an old one is restored as the newest."""

from typing import Any

from django.db import transaction

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ConflictError, ImpossibleError


def start_delete(dataset: Dataset, *, user: User, where: Any, note: str = "") -> Job:
    """Queue the job that makes a new version without the samples that a filter keeps; older versions keep them."""
    note = cleaning.clean_text(note, field="note", max_length=cleaning.MAX_NOTE)
    if dataset.latest is None:
        raise ImpossibleError("The dataset has no version, and so no samples.", code="no_version")
    params = {"dataset": dataset.pk, "where": cleaning.clean_where(where, dataset), "note": note}
    with transaction.atomic():
        title = f"Delete samples from {dataset.name}"
        job = jobs.submit("delete", owner=user, title=title, params=params, lane=dataset.lane)
        detail = {"job": job.pk, "where": params["where"]}
        audit.record(user=user, action="dataset.samples_deleted", object=dataset.url, detail=detail)
    return job


def start_restore(version: Version, *, user: User, note: Any = "") -> Job:
    """Queue the job that makes a new version with this one's samples; ConflictError where the latest has them."""
    text = cleaning.clean_text(note, field="note", max_length=cleaning.MAX_NOTE)
    dataset = version.dataset
    check_restorable(dataset, version)
    params = {"dataset": dataset.pk, "version": version.pk, "note": text}
    title = f"Restore version {version.number} of {dataset.name}"
    with transaction.atomic():
        job = jobs.submit("restore", owner=user, title=title, params=params, lane=dataset.lane)
        detail = {"job": job.pk, "version": version.pk, "number": version.number}
        audit.record(user=user, action="version.restored", object=dataset.url, detail=detail)
    return job


def check_restorable(dataset: Dataset, version: Version) -> None:
    """ConflictError where the dataset's latest version has these samples already."""
    latest = dataset.latest
    if latest is None or latest.digest != version.digest:
        return
    if latest.pk == version.pk:
        message = f"Version {version.number} is the latest already; there is nothing to restore."
    else:
        message = f"Version {latest.number}, the latest, has the samples of version {version.number} already."
    raise ConflictError(message, code="already_latest")
