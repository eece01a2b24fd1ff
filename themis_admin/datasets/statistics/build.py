"""The worker's side of statistics: what was asked for is computed and kept with the end of the job."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from themis_admin.datasets.models import StatisticsDocument, Version
from themis_admin.datasets.samples import services as samples
from themis_admin.datasets.statistics.services import StatisticsRequest
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.statistics import compute, narrowed
from themisdb_datasets.errors import MalformedError, NotFoundError

MAX_THEMES = 200  # whose statistics are computed ahead; those of others are when they are asked for


def build_statistics(job: RunningJob, *, version: int, where: dict[str, Any] | None, themes: bool) -> None:
    """Compute the statistics of what `where` keeps of a version, and with `themes` those of the dataset's themes."""
    row = Version.objects.select_related("dataset__owner").filter(pk=version).first()
    if row is None:
        raise NotFoundError("The version was deleted.")
    # By key, for two themes with one filter have the same statistics.
    wanted = {
        request.key: request
        for request in _wanted(job, row, where, themes=themes)
        if request.document() is None
    }
    documents = {}
    for number, (key, request) in enumerate(wanted.items()):
        if document := _document(job, request, number, len(wanted)):
            documents[key] = document
    with job.finishing(result={"version": row.pk, "num_documents": len(documents)}):
        for key, document in documents.items():
            values = {"document": document, "version_digest": row.digest}
            # Another job may have kept the same ones since this looked; they are equal, and the first stay.
            StatisticsDocument.objects.get_or_create(dataset=row.dataset, key=key, defaults=values)
        data = {"dataset": row.dataset_id, "version": row.pk}
        events.record("statistics.computed", owner=row.dataset.owner, job=job.row, data=data)


def _wanted(
    job: RunningJob, version: Version, where: dict[str, Any] | None, *, themes: bool
) -> Iterator[StatisticsRequest]:
    yield StatisticsRequest.of(version, where)
    if themes:
        for theme in version.dataset.themes.order_by("pk")[:MAX_THEMES]:
            try:
                parse_filter(theme.where)
            except MalformedError as error:  # saved by a release that took it
                job.log(f"The theme {theme.name} is left out: {error.message}")
                continue
            yield StatisticsRequest.of(version, theme.where)


def _document(job: RunningJob, request: StatisticsRequest, number: int, total: int) -> dict[str, Any] | None:
    """One of `total` statistics, as JSON has it; None for a theme that cannot be asked of this version."""
    opened = request.version.open()
    if request.where is not None:
        try:
            found = samples.positions(request.version, opened, where=parse_filter(request.where))
        except MalformedError as error:
            # Asked for alone it fails with its reason; among others it must not take theirs along.
            if total == 1:
                raise
            job.log(f"A theme is left out: {error.message}")
            return None
        opened = narrowed(opened, np.asarray(found, np.int64))

    def report(done: int, steps: int) -> None:
        job.report(number * 100 + 100 * done // steps, total * 100, unit="steps")

    told = compute(
        opened,
        text_field=request.text_field,
        time_field=request.time_field,
        limits=stores.limits(),
        report=report,
    )
    document: dict[str, Any] = msgspec.to_builtins(told)
    return document
