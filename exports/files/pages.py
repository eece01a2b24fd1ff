"""The console's pages about exports as files: the list, one export with its files and links, keeping and removing it."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from exports.files import services
from exports.links import services as links
from exports.links.pages import LinkForm, addressed
from exports.models import FileExport, Link
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact
from themis_admin.datasets.snippets import command
from themis_admin.jobs import services as jobs
from themisdb_datasets.errors import MalformedError, ThemisError

PAGE_SIZE = 50
LINKS_SHOWN = 100
KEEP_DAYS = (30, 90, 365)


@login_required
@require_safe
def export_list(request: HttpRequest) -> HttpResponse:
    """All exports the user may see, the newest first."""
    live = Q(links__revoked_at=None, links__expires_at__gt=timezone.now())
    rows = (
        FileExport.objects.visible_to(request.user)
        .select_related("owner", "job")
        .annotate(num_links=Count("links", filter=live))
        .order_by("-id")
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "exports/files/list.html", {"page": page})


@login_required
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """One export: how far it is, its files, its links, and how it is read. The form makes a new link."""
    row = get_export(request, pk)
    form = LinkForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            links.create_link(user=cast(User, request.user), export=row, **form.values())
        except ThemisError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The link is ready. Copy it from the list.")
            return redirect("export", pk)
    made = Link.objects.filter(export=row).for_lists().order_by("-id")[:LINKS_SHOWN]
    shown = addressed(request, made)
    active = next((each["address"] for each in shown if each["link"].state == "active"), "")
    refs, counts = list(row.refs()), row.sample_counts()
    context = {
        "export": row,
        "job": row.job,
        "form": form,
        "links": shown,
        "files": [{"ref": ref, "num_samples": counts.get(ref.name)} for ref in refs],
        "snippets": snippets(request, row, active or request.build_absolute_uri("/d/LINK")),
        "linked": bool(active),
        "keep_days": KEEP_DAYS,
    }
    return render(request, "exports/files/export.html", context, status=422 if form.errors else 200)


def snippets(request: HttpRequest, row: FileExport, address: str) -> list[tuple[str, str]]:
    """How the export is fetched and read, by its link; by the command with a token."""
    files = (row.manifest or {"files": []})["files"]
    if not files:
        return []
    several = len(files) > 1
    first = files[0]["name"]
    urls = [f"{address}/{file['name']}" for file in files] if several else [f"{address}/{first}"]
    listed = "[\n" + "".join(f'    "{url}",\n' for url in urls) + "]" if several else f'"{urls[0]}"'
    curl = (
        "\n".join(f"curl --fail -C - -O {url}" for url in urls)
        + f"\nsha256sum {first}\n# {files[0]['sha256']}"
    )
    kind = "parquet" if row.file_type == "parquet" else "json"
    lines = "" if kind == "parquet" else ", lines=True"
    python = f'import pandas as pd\n\nsamples = pd.read_{kind}("{urls[0]}"{lines})'
    faces = f'from datasets import load_dataset\n\ndataset = load_dataset("{kind}", data_files={listed}, streaming=True)'
    duck = f"SELECT * FROM read_{kind}('{first.replace('00001-of', '*-of')}') LIMIT 10;"
    pull = command(request, f"themis pull exports/{row.pk}\nthemis verify export-{row.pk} exports/{row.pk}")
    return [("curl", curl), ("themis", pull), ("pandas", python), ("HuggingFace", faces), ("DuckDB", duck)]


@login_required
@require_POST
def export_keep(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep an export for some more days, or for good."""
    row, asked = get_export(request, pk), request.POST.get("days", "")
    days = next((days for days in KEEP_DAYS if str(days) == asked), None)
    try:
        if asked and days is None:
            raise MalformedError("Choose how long from the list.")
        services.prolong(row, user=cast(User, request.user), days=days)
    except ThemisError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Kept for {days} days." if days else "Kept until somebody removes it.")
    return redirect("export", pk)


@login_required
def export_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what breaks, then removes."""
    row, error = get_export(request, pk), ""
    if request.method == "POST":
        user = cast(User, request.user)
        try:
            services.remove_export(row, user=user, break_links=True)
        except ThemisError as refused:
            error = str(refused)
        else:
            jobs.submit(
                "collect", owner=user, title="Free the space of a removed export", params={}, lane="collect"
            )
            messages.success(request, f"The export {row.title} is removed.")
            return redirect("export-list")
    broken = services.links_broken_by(row)
    consequences = ["Its files go. The same plan can be exported again while its version is there."]
    consequences += [
        f"The link “{link}” stops working; it would last until {link.expires_at:%Y-%m-%d %H:%M} UTC and was used"
        f" {link.num_downloads:,} time{'' if link.num_downloads == 1 else 's'}."
        for link in broken
    ]
    context = {
        "heading": f"Remove the export {row.title}",
        "action": "Remove the export",
        "consequences": consequences,
        "error": error,
        "back": reverse("export", args=[pk]),
        "back_label": row.title,
    }
    return render(request, "confirm.html", context, status=409 if error else 200)


@login_required
@require_safe
def artifact(request: HttpRequest, pk: int) -> HttpResponse:
    """One published file: what it is, who keeps it, its digest."""
    row: Artifact = get_object_or_404(Artifact.objects.visible_to(request.user), pk=pk)
    refs = list(links.refs_seen(row, cast(User, request.user)))
    name = refs[0].name if refs else row.digest
    context = {
        "artifact": row,
        "refs": refs,
        "name": name,
        "there": row.path.is_file(),
        "snippets": [
            (
                "curl",
                f'curl -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -C - -o {name} \\\n'
                f"  {request.build_absolute_uri(row.url)}\n"
                f"sha256sum {name}\n# {row.digest}",
            ),
            ("themis", command(request, f"themis pull artifacts/{row.pk}")),
        ],
    }
    return render(request, "exports/files/artifact.html", context)


def get_export(request: HttpRequest, pk: int) -> FileExport:
    """The export, or 404 where the user may not see it."""
    row: FileExport = get_object_or_404(
        FileExport.objects.visible_to(request.user).select_related("owner", "job__owner"), pk=pk
    )
    return row
