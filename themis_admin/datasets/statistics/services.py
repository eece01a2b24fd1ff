"""Statistics of versions and themes: computed by a job when one is published or saved, and kept for good."""

from dataclasses import dataclass
from typing import Any

from django.db import models

from themis_admin.datasets.models import Dataset, StatisticsDocument, Theme, Version
from themis_admin.datasets.samples import cards
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import UNENDED, Job, JobState
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.statistics import statistics_key
from themisdb_datasets.errors import ImpossibleError

KIND = "statistics"


@dataclass(frozen=True)
class StatisticsRequest:
    """Which statistics: of a version, or of what a filter keeps of it."""

    version: Version
    where: dict[str, Any] | None
    text_field: str
    time_field: str

    @classmethod
    def of(cls, version: Version, where: dict[str, Any] | None = None) -> "StatisticsRequest":
        """Those of the version's main text and the dataset's timestamps, where the version has them."""
        dataset = version.dataset
        names = {field["name"] for field in version.fields}
        text = cards.CardLayout.of(dataset, version).text
        time = dataset.timestamp_field if dataset.timestamp_field in names else ""
        return cls(version, where, text or "", time)

    @property
    def key(self) -> str:
        """What they are kept under: nothing that they depend on can change without it."""
        where = None if self.where is None else parse_filter(self.where)
        return statistics_key(
            self.version.digest, where, text_field=self.text_field, time_field=self.time_field
        )

    def document(self) -> StatisticsDocument | None:
        """The statistics, if they have been computed."""
        return StatisticsDocument.objects.filter(dataset=self.version.dataset_id, key=self.key).first()

    def job(self) -> Job | None:
        """The job that computes them or failed to; None where there is none, or it was cancelled."""
        # A job with `themes` computes those of all themes of its dataset, so it counts for each of them. With
        # a null as its value the lookup finds a JSON null, which is what a job for the whole version has.
        found = _jobs(self.version.dataset).filter(
            models.Q(params__where=self.where) | models.Q(params__themes=True),
            params__version=self.version.pk,
        )
        # One that will answer goes before one that failed. Of those that failed only the one that was asked
        # for this very thing: a job over many themes may have failed for another's sake.
        waited_for = found.filter(state__in=UNENDED).order_by("pk").first()
        failed = found.filter(state=JobState.FAILED, params__where=self.where)
        return waited_for or failed.order_by("-pk").first()

    def start(self, *, title: str) -> Job:
        """The job that computes them: the one at work on it, or a new one. ImpossibleError where one has failed."""
        job = self.job()
        if job is None:
            return _submit(self.version, where=self.where, themes=False, title=title)
        # It is not tried again by itself: what failed once over
        # the same samples would fail at every look at the page.
        if job.state == JobState.FAILED:
            raise ImpossibleError.at(
                "job",
                "The statistics could not be computed: {reason} Retry job {job}.",
                code="statistics_failed",
                reason=job.error,
                job=job.pk,
            )
        return job


def title_of(version: Version, theme: Theme | None = None) -> str:
    """What a job is called."""
    part = f", theme {theme.name}" if theme is not None else ""
    return f"Statistics of {version.dataset.name}, version {version.number}{part}"


def after_publication(version: Version) -> None:
    """Have the statistics of a new version, and of the dataset's themes in it, computed. In its transaction."""
    _submit(version, where=None, themes=True, title=title_of(version))


def after_saving(theme: Theme) -> None:
    """Have the statistics of a theme that is new or changed computed, if its dataset has a version."""
    latest = theme.dataset.latest
    if latest is None:
        return
    # Statistics are kept by what they depend on, so a theme that was renamed has them already.
    if StatisticsRequest.of(latest, theme.where).document() is None:
        _submit(latest, where=theme.where, themes=False, title=title_of(latest, theme))


def forget_removed() -> int:
    """Remove the statistics of versions that are gone; how many these were."""
    versions = Version.objects.filter(
        dataset=models.OuterRef("dataset"), digest=models.OuterRef("version_digest")
    )
    removed, _ = StatisticsDocument.objects.exclude(models.Exists(versions)).delete()
    return removed


def _jobs(dataset: Dataset) -> "models.QuerySet[Job]":
    found: models.QuerySet[Job] = Job.objects.filter(kind=KIND, lane=_lane(dataset))
    return found


def _submit(version: Version, *, where: dict[str, Any] | None, themes: bool, title: str) -> Job:
    params = {"version": version.pk, "where": where, "themes": themes}
    return jobs.submit(
        KIND, owner=version.dataset.owner, title=title, params=params, lane=_lane(version.dataset)
    )


def _lane(dataset: Dataset) -> str:
    """One job of them at a time, and none in the way of the dataset's own."""
    return f"statistics:{dataset.pk}"
