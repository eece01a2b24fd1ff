"""The console's part of pages that shows statistics: of a version, or of a theme in it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from themis_admin.datasets.models import Theme
from themis_admin.datasets.statistics import Asked, title_of
from themis_admin.datasets.statistics_section import section
from themis_admin.datasets.version_pages import get_version
from themisdb_datasets.errors import ThemisError


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
        asked = Asked.of(row, theme.where if theme else None)
        try:
            if asked.kept() is None:
                asked.start(title=title_of(row, theme))
        except ThemisError:
            pass  # the page says that the job failed, and leads to it
        page = reverse("theme", args=[theme.pk]) if theme else reverse("version", args=[pk])
        return redirect(f"{page}#statistics")
    return render(request, "datasets/statistics/statistics.html", section(row, theme))
