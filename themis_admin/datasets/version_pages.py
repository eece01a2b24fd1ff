"""The console's pages about one version: its figures and samples, one sample, the rejected lines."""

import hashlib
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from themis_admin.datasets import cards, history, statistics_section, weighing
from themis_admin.datasets.browser import Browser
from themis_admin.datasets.models import Version
from themisdb_datasets.errors import ThemisError

MAX_SHOWN = 200_000
MAX_THEMES = 200


@login_required
@require_safe
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: what is in it, and its samples by search and one condition."""
    row = get_version(request, pk)
    number = request.GET.get("go", "").replace(",", "").strip()
    if number:
        if number.isascii() and number.isdigit() and len(number) < 19 and int(number) < row.num_samples:
            return redirect("version-sample", pk, int(number))
        numbered = (
            f"The samples are numbered 0 to {row.num_samples - 1:,}." if row.num_samples else "There is none."
        )
        messages.error(request, f"There is no sample {number[:40]}. {numbered}")
    themes = list(row.dataset.themes.order_by("name")[:MAX_THEMES])
    theme = next((each for each in themes if str(each.pk) == request.GET.get("theme")), None)
    context: dict[str, Any] = {
        "version": row,
        "dataset": row.dataset,
        "is_latest": row.dataset.latest_id == row.pk,
        "previous": row.parent,
        "gained": row.num_samples - row.parent.num_samples if row.parent else None,
        "num_shards": row.version_shards.count(),
        "themes": themes,
        **statistics_section.section(row),
        **Browser.of(request, row, theme).context(),
    }
    context["filtered"] = context["filtered"] or theme is not None
    return render(request, "datasets/versions/version.html", context)


@login_required
@require_safe
def version_sample(request: HttpRequest, pk: int, n: int) -> HttpResponse:
    """One sample: its text in reading size, its JSON as it is stored, its weight and its history."""
    row = get_version(request, pk)
    if n >= row.num_samples:
        raise Http404
    line = row.open().line(n)
    sample = cards.parsed(line)
    layout = cards.Layout.of(row.dataset, row)
    texts = cards.passages(sample, layout)
    context = {
        "version": row,
        "dataset": row.dataset,
        "position": n,
        "previous": n - 1,
        "following": n + 1 if n + 1 < row.num_samples else None,
        "card": cards.card(sample, layout, n),
        "passages": [(name, text[:MAX_SHOWN]) for name, text in texts],
        "scalars": cards.scalars(sample, [name for name, _ in texts]),
        "raw": line[:MAX_SHOWN].decode(errors="ignore"),
        "cut": MAX_SHOWN if len(line) > MAX_SHOWN else None,
        "num_bytes": len(line),
        "sample_id": hashlib.sha256(line).hexdigest()[:32],
        **_looked_up(row, n),
    }
    return render(request, "datasets/samples/sample.html", context)


def _looked_up(row: Version, position: int) -> dict[str, Any]:
    """The sample's weight and its history, as far as they can be told."""
    told: dict[str, Any] = {}
    try:
        told["history"] = history.of_sample(row, position)
        told["steps"] = told["history"].told(row)
        told["weighed"] = weighing.weigh(row, position)
    except ThemisError as error:
        told["lookup_error"] = str(error)
    return told


def get_version(request: HttpRequest, pk: int) -> Version:
    """The version, or 404 where the user may not see it."""
    rows = Version.objects.visible_to(request.user).select_related("dataset__owner", "parent")
    return get_object_or_404(rows, pk=pk)
