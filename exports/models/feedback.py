"""What training runs tell about samples: the runs, who of each told how much, and the factors that were made of it."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction

from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import KeepsFiles
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Viewer
from themis_admin.web.times import iso

DIFFICULTY = "difficulty.parquet"
FACTORS = "factors.parquet"


class FeedbackRunQuerySet(models.QuerySet["FeedbackRun"]):
    """Runs, by who may see their dataset."""

    def visible_to(self, user: Viewer) -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if getattr(user, "is_superuser", False) else self.filter(dataset__owner_id=user.pk)

    def for_lists(self) -> Self:
        """With all that `to_dict` reads."""
        total = models.Sum("senders__num_records", default=0)
        found = self.select_related("dataset__owner", "dataset__latest", "job__owner", "created_by")
        return found.annotate(total=total)


class FeedbackRun(KeepsFiles, models.Model):
    """A training run that tells losses of a dataset's samples.

    `difficulty` describes the last fold, whose file it keeps as an artifact; `told` is how many records that read.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=200)
    difficulty = models.JSONField(null=True)
    folded_at = models.DateTimeField(null=True)
    told = models.PositiveBigIntegerField(default=0)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True)  # when it told something last

    PLACE = "feedback"
    objects = FeedbackRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint("dataset", "name", name="run_once_a_dataset")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_there(self) -> bool:
        return self.folded_at is not None

    @property
    def folder(self) -> Path:
        """Where what it tells is written, a file a sender."""
        return Path(settings.THEMIS.storage) / "feedback" / str(self.pk)

    def difficulty_path(self) -> Path | None:
        """The folded file, once there is one."""
        ref = self.refs().filter(name=DIFFICULTY).first()
        return None if ref is None else ref.artifact.path

    def release_files(self) -> None:
        """Let go of what it told and of its fold; in the transaction that deletes it."""
        artifacts.release(self.keeper)
        transaction.on_commit(partial(shutil.rmtree, self.folder, ignore_errors=True))

    @classmethod
    def let_go(cls, dataset: Dataset) -> None:
        """Let go of the files of all its runs, in the transaction that deletes a dataset."""
        for run in cls.objects.filter(dataset=dataset).iterator():
            run.release_files()

    @property
    def num_records(self) -> int:
        """The losses it has told."""
        total: int | None = getattr(self, "total", None)
        if total is None:
            total = self.senders.aggregate(total=models.Sum("num_records", default=0))["total"]
        return total

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "dataset": self.dataset_id,
            "name": self.name,
            "num_records": self.num_records,
            "difficulty": self.difficulty,
            "folded_at": iso(self.folded_at),
            "num_records_since": self.num_records - self.told,
            "job": self.job_id,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": self.created_by.get_username() if self.created_by is not None else None,
        }


class FeedbackSender(models.Model):
    """One process of a run: the first `num_records` records of its file count, and all up to `last_seq` is in them."""

    run = models.ForeignKey(FeedbackRun, on_delete=models.CASCADE, related_name="senders")
    name = models.CharField(max_length=64)
    # Written together, in the transaction that follows the file:
    # what is in the file beyond them was never acknowledged.
    last_seq = models.PositiveBigIntegerField(default=0)
    num_records = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint("run", "name", name="sender_once_a_run")]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return self.run.folder / f"{self.pk}.records"


class Factors(models.Model):
    """The file that an adaptive rule reads, by its SHA-256; it stays as long as its dataset, for plans name it."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="factors")
    digest = models.CharField(max_length=64)
    run = models.ForeignKey(FeedbackRun, on_delete=models.SET_NULL, null=True, related_name="factors")
    run_name = models.CharField(max_length=200)
    adaption = models.JSONField()
    num_samples = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "factors"
        constraints = [models.UniqueConstraint("dataset", "digest", name="factors_once_a_dataset")]

    def __str__(self) -> str:
        return self.digest

    @property
    def keeper(self) -> str:
        """The name under which it keeps its artifact: beneath its dataset, with which it goes."""
        return f"datasets/{self.dataset_id}/factors/{self.pk}"

    @classmethod
    def let_go(cls, dataset: Dataset) -> None:
        """Let go of the files of all its factors, in the transaction that deletes a dataset."""
        for factors in cls.objects.filter(dataset=dataset).iterator():
            artifacts.release(factors.keeper)
