"""Statistics as they are kept: one document for what a version's digest and a filter say."""

from typing import Any

from django.db import models


class StatisticsDocument(models.Model):
    """Computed statistics; `key` says of which samples, and never comes to mean others.

    They hold values of the samples, so they go with the last version of `version_digest`.
    """

    dataset = models.ForeignKey("Dataset", on_delete=models.CASCADE, related_name="+")
    version_digest = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint("dataset", "key", name="statistics_once_a_dataset")]

    def __str__(self) -> str:
        return self.key

    def to_dict(self) -> dict[str, Any]:
        return {"computed_at": self.created_at.isoformat(), **self.document}
