"""The console's pages about snapshots: list, form, one snapshot with how it is read, removing."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.snippets import command, of_folder
from themis_admin.snapshots import archive, services
from themis_admin.snapshots.forms import SnapshotForm
from themis_admin.snapshots.models import Snapshot
from themisdb_datasets.engine.snapshots.snapshot import DATABASE
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50


@login_required
@require_safe
def snapshot_list(request: HttpRequest) -> HttpResponse:
    """All snapshots the user may see, the newest first."""
    rows = Snapshot.objects.visible_to(request.user).for_lists().order_by("-pk")
    datasets = Dataset.objects.visible_to(request.user).order_by("name")
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "datasets": list(datasets.filter(latest__isnull=False)[:100]),
    }
    return render(request, "snapshots/list.html", context)


@login_required
def snapshot_new(request: HttpRequest, pk: int) -> HttpResponse:
    """The form: what of the version is frozen, with which weights, and as part of which series."""
    version = get_version(request, pk)
    form = SnapshotForm(version.dataset, request.POST or None, initial={"theme": request.GET.get("theme")})
    if request.method == "POST" and form.is_valid():
        user = cast(User, request.user)
        try:
            job = services.start_snapshot(version, user=user, **form.values())
        except ThemisError as error:
            form.add_service_error(error)
        else:
            return redirect("snapshot", job.params["snapshot"])
    context = {"form": form, "version": version, "dataset": version.dataset}
    return render(request, "snapshots/form.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """One snapshot: how far it is, what was frozen, its files, and how it is read."""
    row = get_snapshot(request, pk)
    manifest = row.manifest or {}
    weights = manifest.get("weights", {})
    context = {
        "snapshot": row,
        "dataset": row.dataset,
        "version": row.version,
        "job": row.job,
        "files": list(row.refs()),
        "columns": manifest.get("columns", []),
        "weights": weights,
        "weights_data": {"weights": weights["histogram"]} if weights.get("count") else None,
        "snippets": snippets(request, row),
    }
    return render(request, "snapshots/snapshot.html", context)


def snippets(request: HttpRequest, row: Snapshot) -> list[tuple[str, str]]:
    """How the snapshot is fetched and read, also by whoever wants the newest of its series."""
    if row.manifest is None:
        return []
    file = services.file_name(row)
    address = request.build_absolute_uri(f"{row.url}download")
    newest = f"/api/v1/datasets/{row.dataset_id}/snapshots/{row.series}/download"
    curl = (
        f'curl --fail -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -C - -o {file} \\\n  {address}\n'
        f"sha256sum {file}\n# {row.manifest['files'][DATABASE]['sha256']}\n\n"
        f"# always the newest of its series:\n# {request.build_absolute_uri(newest)}"
    )
    sql = "SELECT * FROM samples JOIN weights USING (position) LIMIT 10;"
    shell = f'duckdb -readonly {file} \\\n  "{sql}"'
    python = (
        f'import duckdb\n\nsnapshot = duckdb.connect("{file}", read_only=True)\n'
        f'frame = snapshot.sql("FROM samples JOIN weights USING (position)").df()'
    )
    link = archive.archive().link(row.dataset_id, row.series)
    here = (
        f"# on this server: the link changes in one step when the next one is published\n"
        f'duckdb -readonly {link / DATABASE} \\\n  "{sql}"'
    )
    folder = f"snapshot-{row.pk}"
    pull = command(
        request,
        f"themis pull snapshots/{row.pk}\nthemis verify {folder}\n",
        f"# always the newest of its series:\n# themis pull datasets/{row.dataset_id}/snapshots/{row.series}",
    )
    by_number = of_folder(folder, extras="[engine]")
    return [
        ("curl", curl),
        ("themis", pull),
        ("DuckDB", shell),
        ("Python", python),
        ("By number", by_number),
        ("On the server", here),
    ]


@login_required
@require_POST
def snapshot_verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue the job that compares it with its digests and its version."""
    row = get_snapshot(request, pk)
    try:
        job = services.start_verification(row, user=cast(User, request.user))
    except ThemisError as error:
        messages.error(request, str(error))
        return redirect("snapshot", pk)
    return redirect("job", job.pk)


@login_required
def snapshot_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what goes, then removes it."""
    row, error = get_snapshot(request, pk), ""
    if request.method == "POST":
        user = cast(User, request.user)
        try:
            services.remove_snapshot(row, user=user)
        except ThemisError as refused:
            error = str(refused)
        else:
            services.collect(user)
            messages.success(request, f"The snapshot {row.title} is removed.")
            return redirect("snapshot-list")
    context = {
        "heading": f"Remove the snapshot {row.title}",
        "action": "Remove the snapshot",
        "consequences": _consequences(row),
        "error": error,
        "back": reverse("snapshot", args=[pk]),
        "back_label": row.title,
    }
    return render(request, "confirm.html", context, status=409 if error else 200)


def _consequences(row: Snapshot) -> list[str]:
    if row.published_at is None:
        return ["It has no files. Its version can be removed then, as far as nothing else needs it."]
    told = [
        "Its files go, and links to them stop working. Who reads them from the archive now has time to finish.",
        "Its version can be removed then, as far as nothing else needs it.",
    ]
    if row.is_current:
        rest = Snapshot.objects.published().filter(dataset=row.dataset_id, series=row.series, pk__lt=row.pk)
        then = "the one before" if rest.exists() else "nothing"
        told.insert(
            1, f"It is the newest of the series {row.series}, whose address leads to {then} from then on."
        )
    return told


def get_snapshot(request: HttpRequest, pk: int) -> Snapshot:
    """The snapshot, or 404 where the user may not see it."""
    return get_object_or_404(Snapshot.objects.visible_to(request.user).for_lists(), pk=pk)
