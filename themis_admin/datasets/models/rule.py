"""Weighting rules as rows."""

from typing import Any

from django.db import models
from django.db.models.functions import Lower

from themis_admin.datasets.models.dataset import API, Dataset
from themis_admin.datasets.models.of_dataset import OfDataset, OfDatasetQuerySet


class WeightingRuleQuerySet(OfDatasetQuerySet["WeightingRule"]):
    """Weighting rules."""


class WeightingRule(OfDataset):
    """A rule that gives one factor of a sample's weight; `definition` is the engine's document of it."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="weighting_rules")
    definition = models.JSONField()

    objects = WeightingRuleQuerySet.as_manager()

    class Meta(OfDataset.Meta):
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="rule_name_once_a_dataset"),
        ]

    @property
    def url(self) -> str:
        return f"{API}/weighting-rules/{self.pk}/"

    def to_dict(self) -> dict[str, Any]:
        return self.described(self.url, self.dataset_id, self.definition)
