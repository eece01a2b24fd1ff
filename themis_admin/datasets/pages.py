"""The console's pages about datasets: list, one dataset, making, changing and deleting it, uploading to it."""

import shlex
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.db.models.functions import Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets import services, snippets
from themis_admin.datasets.forms import DatasetForm, UploadForm
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
SNAPSHOTS_SHOWN = 10
PARTS_SHOWN = 12  # themes and rules on a dataset's page
DATASETS_OFFERED = 100  # where one is chosen
VERSIONS_A_PAGE = 20
ORDERS = {
    "name": ("by name", ["name"]),
    "changed": ("last changed first", ["-changed_at"]),
    "size": ("largest first", ["-latest__num_samples", "name"]),
}


@login_required
@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    """The datasets the user may see, by name, last change or size."""
    query = request.GET.get("q", "").strip()
    order = request.GET.get("order", "name")
    order = order if order in ORDERS else "name"
    datasets = (
        Dataset.objects.visible_to(request.user)
        .select_related("latest")
        .annotate(num_themes=Count("themes"), changed_at=Greatest("updated_at", "created_at"))
        .order_by(*ORDERS[order][1])
    )
    if query:
        datasets = datasets.filter(name__icontains=query)
    context = {
        "page": Paginator(datasets, PAGE_SIZE).get_page(request.GET.get("page")),
        "query": query,
        "order": order,
        "orders": [(value, label) for value, (label, _) in ORDERS.items()],
    }
    return render(request, "datasets/list.html", context)


@login_required
def dataset_new(request: HttpRequest) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = services.create_dataset(user=cast(User, request.user), **form.values())
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(request, f"{dataset.name} is ready for its first upload.")
            return redirect("dataset-upload", dataset.pk)
    return render(request, "datasets/form.html", {"form": form}, status=422 if form.errors else 200)


@login_required
def dataset_edit(request: HttpRequest, pk: int) -> HttpResponse:
    dataset = get_dataset(request, pk)
    form = DatasetForm(request.POST or None, initial=DatasetForm.initial_of(dataset))
    if request.method == "POST" and form.is_valid():
        try:
            services.update_dataset(dataset, user=cast(User, request.user), **form.values())
        except ThemisError as error:
            form.add_service_error(error)
            dataset.refresh_from_db()
        else:
            messages.success(request, "Saved.")
            return redirect("dataset", pk)
    names = [field["name"] for field in dataset.latest.fields] if dataset.latest else []
    context = {"form": form, "dataset": dataset, "field_names": names}
    return render(request, "datasets/form.html", context, status=422 if form.errors else 200)


@login_required
def dataset_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what breaks and wants the name typed."""
    dataset = get_dataset(request, pk)
    error = ""
    if request.method == "POST":
        if request.POST.get("name", "").strip() != dataset.name:
            error = "This is not its name."
        else:
            try:
                services.delete_dataset(dataset, user=cast(User, request.user))
            except ThemisError as refused:
                error = str(refused)
            else:
                messages.success(request, f"{dataset.name} is deleted.")
                return redirect("dataset-list")
    num_versions, num_themes = dataset.versions.count(), dataset.themes.count()
    consequences = ["This cannot be undone."]
    if dataset.latest:
        consequences.append(
            f"{num_versions:,} version{' goes' if num_versions == 1 else 's go'}, the latest with"
            f" {dataset.latest.num_samples:,} samples. Cursors of its streams can no longer be resumed."
        )
    if num_themes:
        consequences.append(f"{num_themes:,} theme{' goes' if num_themes == 1 else 's go'} with it.")
    context = {
        "heading": f"Delete {dataset.name}",
        "action": "Delete the dataset",
        "typed_name": dataset.name,
        "consequences": consequences,
        "error": error,
        "back": reverse("dataset", args=[pk]),
        "back_label": dataset.name,
    }
    return render(request, "confirm.html", context, status=422 if error else 200)


@login_required
@require_safe
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    """One dataset: its versions on a line, its fields, its themes and the work under way."""
    row = get_dataset(request, pk)
    versions = row.versions.for_lists().order_by("-number")
    latest = row.latest
    context = {
        "dataset": row,
        "latest": latest,
        "gained": latest.num_samples - latest.parent.num_samples if latest and latest.parent else None,
        "num_shards": latest.version_shards.count() if latest else 0,
        "page": Paginator(versions, VERSIONS_A_PAGE).get_page(request.GET.get("page")),
        **_some("theme", row.themes.all()),
        **_some("rule", row.weighting_rules.all()),
        "snapshots": list(row.snapshots.for_lists().current().order_by("-pk")[:SNAPSHOTS_SHOWN]),
        "active_jobs": list(active_jobs(request, row)),
        "snippets": snippets.of_stream(request, row),
    }
    return render(request, "datasets/dataset.html", context)


def _some(noun: str, rows: QuerySet[Any]) -> dict[str, Any]:
    """The first rows, and how many there are, which is asked for only where it is not seen."""
    first = list(rows[: PARTS_SHOWN + 1])
    total = len(first) if len(first) <= PARTS_SHOWN else rows.count()
    return {f"{noun}s": first[:PARTS_SHOWN], f"num_{noun}s": total}


@login_required
def dataset_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Dropping a file: parts and live progress by script, one plain form without."""
    row = get_dataset(request, pk)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        user = cast(User, request.user)
        try:
            mode = form.cleaned_data["mode"] or "append"
            files = request.FILES.getlist("file")
            job = services.start_ingest(
                row, user=user, sources=files, mode=mode, note=form.cleaned_data["note"]
            )
        except ThemisError as error:
            form.add_service_error(error)
        else:
            return redirect("job", job.pk)
    shown = request.GET.get("job", "")
    job_id = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 10 else None
    context = {
        "dataset": row,
        "form": form,
        "job": Job.objects.visible_to(request.user).filter(pk=job_id, lane=row.lane).first()
        if job_id
        else None,
        "next_number": row.latest.number + 1 if row.latest else 1,
        "snippets": upload_snippets(request, row),
    }
    return render(request, "datasets/uploads/upload.html", context, status=422 if form.errors else 200)


def upload_snippets(request: HttpRequest, row: Dataset) -> list[tuple[str, str]]:
    """The upload by the command, as a curl line and as Python."""
    url = request.build_absolute_uri(f"{row.url}versions/")
    curl = f'curl -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -F file=@corpus.jsonl -F mode=append \\\n  {url}'
    python = (
        "import os, requests\n\n"
        'with open("corpus.jsonl", "rb") as corpus:\n'
        "    answer = requests.post(\n"
        f'        "{url}",\n'
        '        headers={"Authorization": f"Bearer {os.environ[\'THEMIS_TOKEN\']}"},\n'
        '        files={"file": corpus}, data={"mode": "append"})\n'
        'print(answer.json()["job"])'
    )
    # A dataset may be called like an option.
    shell = snippets.command(request, f"themis push --mode=append -- {shlex.quote(row.name)} corpus.jsonl")
    return [("curl", curl), ("themis", shell), ("Python", python)]


def get_dataset(request: HttpRequest, pk: int) -> Dataset:
    """The dataset, or 404 where the user may not see it."""
    rows = Dataset.objects.visible_to(request.user).select_related("owner", "latest__parent")
    return get_object_or_404(rows, pk=pk)


def chosen_dataset(request: HttpRequest) -> Dataset | None:
    """The dataset that a list is narrowed to by `?dataset=`; one that is not there narrows nothing."""
    pk = request.GET.get("dataset", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return None
    return Dataset.objects.visible_to(request.user).filter(pk=int(pk)).first()


def offered_datasets(request: HttpRequest, chosen: Dataset | None) -> list[Dataset]:
    """The first datasets by name, and the chosen one in any case."""
    found = list(Dataset.objects.visible_to(request.user).order_by("name")[:DATASETS_OFFERED])
    return found if chosen is None or chosen in found else [chosen, *found]


def active_jobs(request: HttpRequest, row: Dataset) -> "list[Job]":
    """What is queued or running in the dataset's lane."""
    jobs = Job.objects.visible_to(request.user).filter(lane=row.lane, state__in=("queued", "running"))
    return list(jobs.order_by("id"))
