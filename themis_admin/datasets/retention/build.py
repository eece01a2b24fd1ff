"""Removing old versions of a dataset."""

from functools import partial

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.retention import services
from themis_admin.datasets.retention.services import Policy
from themis_admin.datasets.versions.publishing import find_dataset
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage.space import remove_file
from themisdb_datasets.errors import ConflictError


def retain(job: RunningJob, *, dataset: int, keep_last: int | None, older_than_days: int | None) -> None:
    """Remove the versions that nothing keeps, in the transaction that ends the job; another job frees their shards."""
    told = {"num_removed": 0, "num_kept": 0, "freed_bytes": 0}
    # The plan is made inside, under the dataset's lock: what was
    # true when somebody looked at the dry run may not be now.
    with job.finishing(result=told):
        target = find_dataset(dataset, lock=True)
        fates = services.plan(target, Policy(keep_last, older_than_days), besides=job.id)
        going = [fate.version for fate in fates if fate.goes]
        told.update(
            num_removed=len(going),
            num_kept=len(fates) - len(going),
            freed_bytes=services.freed_bytes(going),
        )
        if going:
            _remove(job, target, going)


def _remove(job: RunningJob, dataset: Dataset, going: list[Version]) -> None:
    for version in going:
        if version.job_id is not None:
            # A file cannot be rolled back, so it goes only after the rows have.
            transaction.on_commit(partial(remove_file, rejects_path(version.job_id)))
    try:
        dataset.versions.filter(pk__in=[version.pk for version in going]).delete()
    # A snapshot, a label or an index came since the plan was
    # made; the whole of it is rolled back, and nothing has gone.
    except (ProtectedError, RestrictedError):
        raise ConflictError("One of the versions is needed since a moment ago; start again.") from None
    user = User.objects.get(pk=job.owner.pk)
    numbers = [version.number for version in going]
    detail = {"job": job.id, "numbers": numbers, "digests": [version.digest for version in going]}
    audit.record(user=user, action="dataset.versions_removed", object=dataset.url, detail=detail)
    data = {"dataset": dataset.pk, "name": dataset.name, "numbers": numbers}
    events.record("versions.removed", owner=dataset.owner, job=job.row, data=data)
    jobs.submit(
        "collect", owner=job.owner, title="Free the space of removed versions", params={}, lane="collect"
    )
