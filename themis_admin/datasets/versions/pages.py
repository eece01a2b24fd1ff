"""The console's pages about versions: one with its samples, one of these, restoring, compacting, deleting samples."""

import hashlib
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets.lookup import get_dataset, get_version
from themis_admin.datasets.models import Version
from themis_admin.datasets.rules import weighing
from themis_admin.datasets.samples import cards, history
from themis_admin.datasets.samples.browser import Browser
from themis_admin.datasets.statistics import pages as statistics_pages
from themis_admin.datasets.versions import compaction, services
from themis_admin.datasets.versions.forms import DeleteForm
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
        **statistics_pages.section(row),
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
    layout = cards.CardLayout.of(row.dataset, row)
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
        # The first 128 bits, which is what the shard's column and feedback call the sample by.
        "sample_id": hashlib.sha256(line).hexdigest()[:32],
        **_looked_up(row, n),
    }
    return render(request, "datasets/samples/sample.html", context)


def _looked_up(row: Version, position: int) -> dict[str, Any]:
    """The sample's weight and its history, as far as they can be told."""
    told: dict[str, Any] = {}
    try:
        told["history"] = history.of_sample(row, position)
        told["steps"] = told["history"].shown_steps(row)
        told["weighed"] = weighing.weigh(row, position)
    except ThemisError as error:
        told["lookup_error"] = str(error)
    return told


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what becomes the newest version, and asks for a note."""
    version = get_version(request, pk)
    latest = version.dataset.latest
    error = ""
    try:
        services.check_restorable(version.dataset, version)
        if request.method == "POST":
            note = request.POST.get("note", "")
            job = services.start_restore(version, user=cast(User, request.user), note=note)
            return redirect("job", job.pk)
    except ThemisError as refused:
        error = str(refused)
    context = {"version": version, "dataset": version.dataset, "latest": latest, "error": error}
    return render(
        request,
        "datasets/versions/restore.html",
        context,
        status=422 if error and request.method == "POST" else 200,
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_compact(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what is written anew, and starts it."""
    dataset = get_dataset(request, pk)
    error, outlook = "", None
    try:
        outlook = compaction.outlook(dataset)
        if request.method == "POST":
            note = request.POST.get("note", "")
            job = compaction.start_compaction(dataset, user=cast(User, request.user), note=note)
            return redirect("job", job.pk)
    except ThemisError as refused:
        error = str(refused)
    context = {"dataset": dataset, "outlook": outlook, "error": error}
    refused_post = error and request.method == "POST"
    return render(request, "datasets/versions/compact.html", context, status=422 if refused_post else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_delete_samples(request: HttpRequest, pk: int) -> HttpResponse:
    """A filter with its live count; what it keeps is not in the new version."""
    dataset = get_dataset(request, pk)
    form = DeleteForm(request.POST or None, initial={"where": "{}"})
    if request.method == "POST" and form.is_valid():
        try:
            job = services.start_delete(dataset, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
        else:
            return redirect("job", job.pk)
    latest = dataset.latest
    fields = [{"name": each["name"], "types": each["types"]} for each in latest.fields] if latest else []
    context = {"form": form, "dataset": dataset, "latest": latest, "field_list": fields}
    status = 422 if form.errors else 200
    return render(request, "datasets/versions/delete_samples.html", context, status=status)
