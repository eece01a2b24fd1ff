"""Selections built ahead: when a version is published or a theme saved, a worker makes those that a stream would need.

They are the ones of requests that name a theme, a format, an order, and nothing else, or the whole dataset and a format: a
table of draws from all samples would be half of what a small append writes.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

from exports.delivery.opening import mean_bytes
from exports.requests.body import StreamBody
from exports.requests.resolve import build_request
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job, JobState
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage.stores import kept_files
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.errors import GoneError, ImpossibleError, ThemisError

KIND = "select"
FORMATS = ("instruction_tuning", "chat_completion", "text_completion", "raw")
ORDERS = ("stored", "weighted")  # a shuffled stream has the selection of the stored one


def after_change(dataset: Dataset) -> None:
    """Have the selections built, unless a job for that waits already. In the transaction of the change."""
    lane = f"select:{dataset.pk}"
    # One that waits will see this change as well. One that
    # runs may have looked before it, so it does not count.
    if dataset.latest_id is None or Job.objects.filter(lane=lane, state=JobState.QUEUED).exists():
        return
    title = f"Prepare streams of {dataset.name}"
    jobs.submit(KIND, owner=dataset.owner, title=title, params={"dataset": dataset.pk}, lane=lane)


def build_ahead(job: RunningJob, pk: int) -> None:
    """Build the selections of the dataset's latest version; those that are there already cost nothing."""
    dataset = Dataset.objects.select_related("latest", "owner").filter(pk=pk).first()
    if dataset is None or dataset.latest is None:
        raise GoneError("The dataset was deleted.")
    asked = list(_asked(dataset))
    done: set[Path] = set()
    for number, body in enumerate(asked, start=1):
        for criteria, version in _needed(job, body, dataset):
            selection = kept_files().get(version.open(), version.digest, criteria)
            if body.order == "weighted":
                with suppress(ImpossibleError):  # every weight is 0, which is told to who asks for it
                    selection.draws()
            done.add(selection.path)
        job.report(number, len(asked), unit="streams")
    with job.finishing(result={"num_selections": len(done)}):
        pass


def _asked(dataset: Dataset) -> Iterator[StreamBody]:
    for form in FORMATS:
        yield StreamBody(dataset=dataset.pk, format=form)
    themes = dataset.themes.values_list("name", flat=True)
    for theme, form, order in product(themes, FORMATS, ORDERS):
        yield StreamBody(dataset=dataset.pk, theme=theme, format=form, order=order)


def _needed(job: RunningJob, body: StreamBody, dataset: Dataset) -> Iterator[tuple[Criteria, Version]]:
    """What the request needs; nothing where it would be refused, as one is whose format lacks its fields."""
    try:
        request = build_request(body, dataset.owner, mean_bytes=mean_bytes)
    except ThemisError as error:
        if body.order == ORDERS[0]:
            job.log(f"{body.theme or 'All samples'} as {body.format}: {error.message}")
        return
    for criteria in request.plan.selects:
        yield criteria, request.version
