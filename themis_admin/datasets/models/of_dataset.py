"""What themes and weighting rules have in common: they belong to a dataset and have a name there."""

from typing import Any, Self, TypeVar

from django.conf import settings
from django.db import models

from themis_admin.datasets.models.dataset import ids_named, sees_everything, username_of
from themis_admin.jobs.models import Viewer

OfDatasetT = TypeVar("OfDatasetT", bound="OfDataset")


class OfDatasetQuerySet(models.QuerySet[OfDatasetT]):
    """What belongs to a dataset and has a name there."""

    def visible_to(self, user: Viewer) -> Self:
        if sees_everything(user):
            return self
        return self.filter(dataset__owner_id=user.pk) if user.is_authenticated else self.none()

    def named(self, name: str) -> Self:
        """Those of this name in any case; compared in Python, for SQLite lowers only ASCII letters."""
        return self.filter(pk__in=ids_named(self, name))


class OfDataset(models.Model):
    """Something that people make for a dataset under a name of its own."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def described(self, url: str, dataset: int, own: dict[str, Any]) -> dict[str, Any]:
        """What the API tells of it, `own` in the middle."""
        return {
            "id": self.pk,
            "url": url,
            "dataset": dataset,
            "name": self.name,
            "description": self.description,
            **own,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": username_of(self.created_by),
        }
