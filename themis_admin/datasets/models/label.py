"""Labels: names that people give to single versions of a dataset, and move on to others."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

MAX_LABEL = 63  # shorter than a digest, so that the two are never confused


class VersionLabel(models.Model):
    """A name of one version, unique in its dataset in any case; a version that has one is not removed."""

    dataset = models.ForeignKey("Dataset", on_delete=models.CASCADE, related_name="labels")
    version = models.ForeignKey("Version", on_delete=models.RESTRICT, related_name="labels")
    name = models.CharField(max_length=MAX_LABEL)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "label"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="label_name_once_a_dataset"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return f"/api/v1/datasets/{self.dataset_id}/labels/{self.name}/"

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "dataset": self.dataset_id,
            "name": self.name,
            "version": self.version_id,
            "number": self.version.number,
            "digest": self.version.digest,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": self.created_by.get_username() if self.created_by is not None else None,
        }
