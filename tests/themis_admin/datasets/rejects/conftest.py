"""What the tests of rejects share."""

from typing import Any

from themis_admin.datasets.models import Dataset
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

BROKEN = [b'{"id": "a", "text": "no end"', b"[1, 2]", b'{"id": "\xe4"}', b'{"id": "' + b"x" * 5000 + b'"}']


def finish(dataset: Dataset) -> list[Any]:
    """Run the ingest that waits; the samples that the dataset has then."""
    job = Job.objects.filter(kind="ingest").latest("id")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    dataset.refresh_from_db()
    assert dataset.latest is not None
    opened = dataset.latest.open()
    return [opened.line(position) for position in range(opened.num_samples)]
