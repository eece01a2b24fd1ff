"""Snapshots: version x theme x weighting frozen, with a copy of the theme's filter and the rules' text."""

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from themis_admin.artifacts.models import KeepsFiles
from themis_admin.jobs.models import Viewer
from themis_admin.web.times import iso
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.engine.weights.weighting import Weighting

if TYPE_CHECKING:
    from themis_admin.accounts.models import User


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Snapshots, by who may see them and by whether they are there."""

    def visible_to(self, user: Viewer) -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if getattr(user, "is_superuser", False) else self.filter(dataset__owner_id=user.pk)

    def published(self) -> Self:
        return self.filter(published_at__isnull=False)

    def current(self) -> Self:
        """Of each series the newest that is published."""
        return self.published().filter(~Exists(_newer()))

    def for_lists(self) -> Self:
        """With all that `to_dict` and the pages read."""
        rows = self.select_related("dataset__owner", "version", "job__owner", "created_by")
        return rows.annotate(superseded=Exists(_newer()))


def _newer() -> "models.QuerySet[Snapshot]":
    same = Q(dataset=OuterRef("dataset"), series=OuterRef("series"), pk__gt=OuterRef("pk"))
    return Snapshot.objects.published().filter(same)


class Snapshot(KeepsFiles, models.Model):
    """A snapshot; `manifest` is there once its files are, which are the artifacts that `keeper` keeps.

    Snapshots of one `series` follow each other. `rules` are pairs of a name and the rule's text, with the moment that
    ages are counted from; `where` is null for the whole version. `folder` is the name of its folder in the archive.
    """

    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.CASCADE, related_name="snapshots")
    version = models.ForeignKey("datasets.Version", on_delete=models.PROTECT, related_name="snapshots")
    # The theme may go, for its name and filter are copied; the version may not, for verification reads it.
    theme = models.ForeignKey("datasets.Theme", on_delete=models.SET_NULL, null=True, related_name="+")
    theme_name = models.CharField(max_length=200, blank=True)
    where = models.JSONField(null=True)
    rules = models.JSONField(default=list)
    as_of = models.DateTimeField()
    series = models.CharField(max_length=63)
    keep_last = models.PositiveIntegerField(null=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    manifest = models.JSONField(null=True)
    folder = models.CharField(max_length=40, blank=True)
    num_samples = models.PositiveBigIntegerField(null=True)
    num_bytes = models.PositiveBigIntegerField(null=True)
    published_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    problems = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    PLACE = "snapshots"
    objects = SnapshotQuerySet.as_manager()

    # From `for_lists`.
    superseded: bool

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["dataset", "series", "id"])]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What it holds, in words."""
        subject = self.theme_name or "all samples"
        by = f" × {', '.join(name for name, _ in self.rules)}" if self.rules else ""
        return f"{subject}{by}, version {self.version.number}"

    @property
    def owner(self) -> "User":
        owner: User = self.dataset.owner
        return owner

    @property
    def is_there(self) -> bool:
        return self.published_at is not None

    @property
    def is_current(self) -> bool:
        """Whether it is the one that its series' stable address leads to."""
        return self.published_at is not None and not self.superseded

    @property
    def criteria(self) -> Criteria:
        """Which samples it holds, and how they are weighted."""
        rules = tuple((name, parse_rule(text)) for name, text in self.rules)
        kept = () if self.where is None else (parse_filter(self.where),)
        return Criteria(kept, Weighting(rules=rules), explain=bool(rules))

    def to_dict(self) -> dict[str, Any]:
        """The snapshot without its files."""
        theme = {"id": self.theme_id, "name": self.theme_name, "where": self.where}
        return {
            "id": self.pk,
            "url": self.url,
            "title": self.title,
            "state": self.state,
            "dataset": self.dataset_id,
            "version": self.version_id,
            "version_number": self.version.number,
            "version_digest": self.version.digest,
            "theme": theme if self.where is not None else None,
            "weighting_rules": [{"name": name, "definition": text} for name, text in self.rules],
            "as_of": iso(self.as_of),
            "series": self.series,
            "current": self.is_current,
            "keep_last": self.keep_last,
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "weights": self.manifest["weights"] if self.manifest else None,
            "folder": f"snapshots/{self.dataset_id}/{self.folder}" if self.folder else None,
            "verified_at": iso(self.verified_at),
            "problems": self.problems,
            "job": self.job.to_dict() if self.job is not None else None,
            "created_at": iso(self.created_at),
            "created_by": self.created_by.get_username() if self.created_by is not None else None,
            "published_at": iso(self.published_at),
        }
