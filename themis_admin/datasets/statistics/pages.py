"""Statistics in the console: the part of a version's and a theme's page that shows them, and that part as a fragment."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.statistics.services import StatisticsRequest, title_of
from themis_admin.jobs.models import ENDED
from themisdb_datasets.errors import ThemisError

CHARTS = ("line_bytes", "text_chars", "times", "text_field")
SHOWN_VALUES = 6
NEARLY = 0.85  # estimates of how many are different are off by up to a tenth or so


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_statistics(request: HttpRequest, pk: int) -> HttpResponse:
    """The statistics as a fragment, which asks again while they are being computed; POST has them computed."""
    row = get_version(request, pk)
    chosen = request.GET.get("theme", "")
    theme = None
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 19:
        theme = get_object_or_404(Theme.objects.visible_to(request.user), pk=chosen, dataset=row.dataset_id)
    if request.method == "POST":
        wanted = StatisticsRequest.of(row, theme.where if theme else None)
        try:
            if wanted.document() is None:
                wanted.start(title=title_of(row, theme))
        except ThemisError:
            pass  # the page says that the job failed, and leads to it
        page = reverse("theme", args=[theme.pk]) if theme else reverse("version", args=[pk])
        return redirect(f"{page}#statistics")
    return render(request, "datasets/statistics/statistics.html", section(row, theme))


def section(version: Version, theme: Theme | None = None) -> dict[str, Any]:
    """What the template needs: the statistics, or the job that is at them, or neither."""
    wanted = StatisticsRequest.of(version, theme.where if theme else None)
    stored = wanted.document()
    address = reverse("version-statistics", args=[version.pk])
    context: dict[str, Any] = {
        "version": version,
        "statistics_url": f"{address}?theme={theme.pk}" if theme else address,
    }
    if stored is None:
        job = wanted.job()
        return {
            **context,
            "statistics_job": job,
            "statistics_active": job is not None and job.state not in ENDED,
        }
    document = stored.document
    context["statistics"] = document
    context["statistics_at"] = stored.created_at
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
