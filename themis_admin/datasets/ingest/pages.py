"""The page where files are put in."""

import shlex
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from themis_admin.accounts.models import User
from themis_admin.datasets import snippets
from themis_admin.datasets.ingest import services
from themis_admin.datasets.ingest.forms import UploadForm
from themis_admin.datasets.lookup import get_dataset
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ThemisError


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
    return render(request, "datasets/ingest/upload.html", context, status=422 if form.errors else 200)


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
