"""Themes as rows: saved filters over a dataset."""

from typing import Any

from django.db import models
from django.db.models.functions import Lower

from themis_admin.datasets.models.dataset import API, Dataset
from themis_admin.datasets.models.of_dataset import OfDataset, OfDatasetQuerySet


class ThemeQuerySet(OfDatasetQuerySet["Theme"]):
    """Themes."""


class Theme(OfDataset):
    """A saved filter over a dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="themes")
    where = models.JSONField()

    objects = ThemeQuerySet.as_manager()

    class Meta(OfDataset.Meta):
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="theme_name_once_a_dataset"),
        ]

    @property
    def url(self) -> str:
        return f"{API}/themes/{self.pk}/"

    def to_dict(self) -> dict[str, Any]:
        return self.described(self.url, self.dataset_id, {"where": self.where})
