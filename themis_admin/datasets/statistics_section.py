"""What a page shows of statistics: charts and values, or the job that computes them."""

from typing import Any

from django.urls import reverse

from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.statistics import Asked
from themis_admin.jobs.models import ENDED

CHARTS = ("line_bytes", "text_chars", "times", "text_field")
SHOWN_VALUES = 6
NEARLY = 0.85  # estimates of how many are different are off by up to a tenth or so


def section(version: Version, theme: Theme | None = None) -> dict[str, Any]:
    """What the template needs: the statistics, or the job that is at them, or neither."""
    asked = Asked.of(version, theme.where if theme else None)
    kept = asked.kept()
    address = reverse("version-statistics", args=[version.pk])
    context: dict[str, Any] = {
        "version": version,
        "statistics_url": f"{address}?theme={theme.pk}" if theme else address,
    }
    if kept is None:
        job = asked.job()
        return {
            **context,
            "statistics_job": job,
            "statistics_active": job is not None and job.state not in ENDED,
        }
    document = kept.document
    context["statistics"] = document
    context["statistics_at"] = kept.created_at
    context["statistics_data"] = {name: document[name] for name in CHARTS}
    context["statistics_fields"] = [_shown(field, document["num_samples"]) for field in document["fields"]]
    return context


def _shown(field: dict[str, Any], num_samples: int) -> dict[str, Any]:
    """A field with its most frequent values, the longest bar for the first of them."""
    values = field["values"]
    top = values["top"][:SHOWN_VALUES] if values else []
    present = num_samples - field["nulls"] - field["absent"]
    return {
        **field,
        "present": present,
        "nearly_unique": field["num_distinct"] > NEARLY * present,
        "top": top,
        "largest": top[0][1] if top else 0,
        "num_others": present - sum(number for _, number in top),
    }
