"""The console's pages about indexes: list, form, one index with any of its samples by number, removing."""

from functools import lru_cache
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from indexing.indexes import reading, services
from indexing.indexes.forms import IndexForm
from indexing.models import OFFSETS, TOKENS, Index
from indexing.tokenizers import services as tokenizers
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.snippets import command, of_folder
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer as Loaded
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
MAX_SHOWN = 100_000
MAX_TOKENS = 20_000  # of a sample that are shown


@login_required
@require_safe
def index_list(request: HttpRequest) -> HttpResponse:
    """All indexes the user may see, the newest first."""
    rows = Index.objects.visible_to(request.user).for_lists().order_by("-pk")
    datasets = Dataset.objects.visible_to(request.user).order_by("name")
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "datasets": list(datasets.filter(latest__isnull=False)[:100]),
    }
    return render(request, "indexing/indexes/list.html", context)


@login_required
def index_new(request: HttpRequest, pk: int) -> HttpResponse:
    """The form: of what part of the version, and of which kind."""
    version = get_version(request, pk)
    user = cast(User, request.user)
    start = {name: request.GET[name] for name in ("theme", "kind") if name in request.GET}
    form = IndexForm(version.dataset, user, request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            if (wanted := form.wanted()) is not None:
                theme = form.cleaned_data["theme"]
                job = services.start_token_index(version, wanted, user=user, theme=theme)
            else:
                job = services.start_index(version, user=user, **form.values())
        except ThemisError as error:
            form.add_service_error(error)
        else:
            return redirect("index", job.params["index"])
    context = {"form": form, "version": version, "dataset": version.dataset}
    return render(request, "indexing/indexes/form.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def file_index_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the lines of a published file indexed."""
    refs = ArtifactRef.objects.visible_to(request.user).select_related("artifact", "owner")
    ref = refs.filter(artifact=pk).order_by("pk").first()
    if ref is None:
        raise Http404
    try:
        job = services.start_file_index(ref, user=cast(User, request.user), kind=OFFSETS)
    except ThemisError as error:
        messages.error(request, str(error))
        return redirect("artifact", pk)
    return redirect("index", job.params["index"])


@login_required
@require_safe
def index(request: HttpRequest, pk: int) -> HttpResponse:
    """One index: how far it is, one of its samples, and how it is read."""
    row = get_index(request, pk)
    context = {
        "index": row,
        "job": row.job,
        "stale": row.stale,
        "files": (row.manifest or {}).get("files", {}).items(),
        "snippets": snippets(request, row),
        **_sample(row, request.GET.get("n", "0")),
    }
    return render(request, "indexing/indexes/index.html", context)


def _sample(row: Index, asked: str) -> dict[str, Any]:
    """The sample that is asked for by its number, and its neighbours."""
    if row.published_at is None or not row.num_samples:
        return {}
    try:
        if row.kind == TOKENS:
            return sample(row, asked)
        opened = reading.open_offsets(row)
        number = reading.asked_number(asked, count=len(opened))
        line = opened[number].rstrip(b"\n")
    except ThemisError as error:
        return {"asked": asked, "sample_error": str(error)}
    return {
        "asked": asked,
        "number": number,
        "raw": line[:MAX_SHOWN].decode(errors="ignore"),
        "cut": MAX_SHOWN if len(line) > MAX_SHOWN else None,
        "num_bytes": len(line),
        "previous": number - 1,
        "following": number + 1 if number + 1 < len(opened) else None,
    }


def snippets(request: HttpRequest, row: Index) -> list[tuple[str, str]]:
    """How samples are asked for, and how the folder is fetched and opened."""
    if row.published_at is None:
        return []
    address = request.build_absolute_uri(row.url)
    header = '-H "Authorization: Bearer $THEMIS_TOKEN"'
    file = f"index-{row.pk}.tar"
    ask = f"curl {header} \\\n  '{address}samples/?ids=0,-1,10:20'"
    fetch = (
        f"curl --fail {header} \\\n  -C - -o {file} \\\n  {address}download/\n"
        f"sha256sum {file}\n# {row.sha256}\nmkdir index-{row.pk} && tar -xf {file} -C index-{row.pk}"
    )
    pull = command(request, f"themis pull indexes/{row.pk}\nthemis verify index-{row.pk}")
    if row.kind == TOKENS:
        return token_snippets(request, row, fetch, pull)
    ours = of_folder(f"index-{row.pk}", extras="")
    forager = (
        "from data_forager.datasets.jsonl import JsonlDataset\n\n"
        f'samples = JsonlDataset.create_from_index_on_filesystem("index-{row.pk}")\nsamples[0]'
    )
    return [("Ask", ask), ("themis", pull), ("Download", fetch), ("Python", ours), ("data-forager", forager)]


@login_required
def index_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what goes, then removes it."""
    row, error = get_index(request, pk), ""
    if request.method == "POST":
        try:
            services.remove_index(row, user=cast(User, request.user))
        except ThemisError as refused:
            error = str(refused)
        else:
            messages.success(request, f"The index of {row.title} is removed.")
            return redirect("index-list")
    what = "the file" if row.version is None else "its version"
    context = {
        "heading": f"Remove the index of {row.title}",
        "action": "Remove the index",
        "consequences": [
            "Programs that read samples by it get an error from then on; copies that were downloaded stay.",
            f"The samples stay. As far as nothing else needs it, {what} can be removed then.",
        ],
        "error": error,
        "back": reverse("index", args=[pk]),
        "back_label": row.title,
    }
    return render(request, "confirm.html", context, status=409 if error else 200)


def get_index(request: HttpRequest, pk: int) -> Index:
    """The index, or 404 where the user may not see it."""
    row: Index = get_object_or_404(Index.objects.visible_to(request.user).for_lists(), pk=pk)
    return row


@lru_cache(maxsize=2)
def _loaded(digest: str) -> Loaded:
    return tokenizers.load(digest)


def sample(row: Index, asked: str) -> dict[str, Any]:
    """The sample that is asked for by its number: its text, its tokens, and its neighbours."""
    opened = reading.open_tokens(row)
    number = reading.asked_numbers(asked, count=len(opened), field="n")[0]
    tokens = opened[number].tolist()
    library = _loaded(row.params["tokenizer_sha256"]).library
    return {
        "asked": asked,
        "number": number,
        "num_tokens": len(tokens),
        "text": library.decode(tokens[:MAX_TOKENS], skip_special_tokens=False),
        "tokens": ", ".join(map(str, tokens[:MAX_TOKENS])),
        "cut_tokens": MAX_TOKENS if len(tokens) > MAX_TOKENS else None,
        "previous": number - 1,
        "following": number + 1 if number + 1 < len(opened) else None,
    }


def token_snippets(request: HttpRequest, row: Index, fetch: str, pull: str) -> list[tuple[str, str]]:
    """How its blocks are asked for, and how the folder, which `fetch` and `pull` get, is opened."""
    address = request.build_absolute_uri(row.url)
    dtype, size = row.params["dtype"], row.params["sample_size"]
    shape = f".reshape(-1, {size})" if size is not None else ""
    blocks = (
        "import os\n\nimport numpy as np\nimport requests\n\n"
        f'answer = requests.get(\n    "{address}blocks/",\n'
        f"    params={_order(size)},\n"
        '    headers={"Authorization": f"Bearer {os.environ[\'THEMIS_TOKEN\']}"},\n)\n'
        f'tokens = np.frombuffer(answer.content, "{dtype}"){shape}'
    )
    read = "samples.batch([3, 1, 2])" if size is not None else "samples[0], samples[-1]"
    ours = (
        "from pathlib import Path\nfrom themisdb_datasets.tokens import TokenIndex\n\n"
        f'samples = TokenIndex.open(Path("index-{row.pk}"))\n{read}'
    )
    forager = (
        "import numpy as np\nfrom data_forager.datasets.tokens import TokensDataset\n\n"
        f'samples = TokensDataset.create_from_index_on_filesystem(\n    "index-{row.pk}", token_dtype=np.{dtype}\n)\n'
        "samples[0]"
    )
    return [
        ("Blocks", blocks),
        ("themis", pull),
        ("Download", fetch),
        ("Python", ours),
        ("data-forager", forager),
    ]


def _order(size: int | None) -> str:
    return '{"order": "shuffled", "seed": 1, "epoch": 0}' if size is not None else "{}"
