"""The worker's side of feedback: a run's losses are folded into difficulties, and these become a weighting."""

from typing import Any

from django.utils import timezone

from exports.feedback import services
from exports.models import DIFFICULTY, FACTORS, Factors, FeedbackRun
from themis_admin.artifacts import services as artifacts
from themis_admin.datasets.rules import services as rules
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.weights.difficulty import Adaption, describe, fold, write_factors
from themisdb_datasets.errors import GoneError

PARQUET = "application/vnd.apache.parquet"


def fold_run(job: RunningJob, *, run: int) -> None:
    """Fold what a run has told; the file before is let go."""
    row = _run(run)
    folded = _Folded(job, row)
    folded.publish()
    with job.finishing(result={"run": row.pk, "num_samples": folded.about["num_samples"]}):
        folded.keep()
        data = {"run": row.pk, "name": row.name, "num_samples": folded.about["num_samples"]}
        events.record("feedback.folded", owner=row.dataset.owner, job=job.row, data=data)


def adapt(
    job: RunningJob, *, run: int, name: str, strength: float, least: float, most: float, missing: float
) -> None:
    """Fold what a run has told, make factors of it, and a rule that reads these."""
    row = _run(run)
    folded = _Folded(job, row)
    adaption = Adaption(strength, least, most)
    path = job.workdir / FACTORS
    write_factors(folded.path, path, adaption, limits=stores.limits())
    file = describe_file(path)
    digest = file["sha256"]
    job.check()
    folded.publish()
    artifacts.publish(path, digest=digest)
    user = job.row.owner
    definition = {"kind": "adaptive", "factors": digest, "missing": missing}
    description = f"By the run {row.name}: strength {strength:g}, from {least:g} to {most:g}."
    result: dict[str, Any] = {"run": row.pk}
    with job.finishing(result=result):
        folded.keep()
        values = {
            "run": row,
            "run_name": row.name,
            "adaption": {"strength": strength, "least": least, "most": most},
            "num_samples": folded.about["num_samples"],
        }
        # The same losses with the same options give the same
        # file. It is kept once, for however many rules read it.
        factors, new = Factors.objects.get_or_create(dataset=row.dataset, digest=digest, defaults=values)
        if new:
            artifacts.keep(
                digest=digest,
                num_bytes=file["num_bytes"],
                content_type=PARQUET,
                name=FACTORS,
                keeper=factors.keeper,
                owner=row.dataset.owner,
            )
        # The rule last: it refers to the factors by their digest,
        # and is refused where the dataset does not have them.
        made = rules.create_rule(
            row.dataset, user=user, name=name, definition=definition, description=description
        )
        result["weighting_rule"] = made.pk
        data = {"run": row.pk, "weighting_rule": made.pk, "name": made.name}
        events.record("feedback.weighting", owner=row.dataset.owner, job=job.row, data=data)


def _run(pk: int) -> FeedbackRun:
    row = FeedbackRun.objects.select_related("dataset__owner", "dataset__latest").filter(pk=pk).first()
    if row is None:
        raise GoneError("The run was removed.")
    return row


class _Folded:
    """The difficulties of a run as its job has just folded them."""

    def __init__(self, job: RunningJob, row: FeedbackRun) -> None:
        files = services.record_files(row)
        self._row = row
        self._num_records = sum(each.num_records for each in files)
        self.path = fold(files, job.workdir, limits=stores.limits())
        self.about = describe(self.path, limits=stores.limits())
        self._file = describe_file(self.path)

    def publish(self) -> None:
        """Move the file into the store, before the transaction that keeps it."""
        artifacts.publish(self.path, digest=self._file["sha256"])

    def keep(self) -> None:
        """Have the run keep the file, in place of the one before."""
        # The run's row is held first, by the update; so it cannot be removed until its new file is kept.
        found = FeedbackRun.objects.filter(pk=self._row.pk)
        if not found.update(difficulty=self.about, folded_at=timezone.now(), told=self._num_records):
            raise GoneError("The run was removed.")
        # Released before it is kept: a keeper has one file of a name. An equal file loses its ref and gets it
        # back within the transaction, which nobody sees.
        artifacts.release(self._row.keeper)
        artifacts.keep(
            digest=self._file["sha256"],
            num_bytes=self._file["num_bytes"],
            content_type=PARQUET,
            name=DIFFICULTY,
            keeper=self._row.keeper,
            owner=self._row.dataset.owner,
        )
