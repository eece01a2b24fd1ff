"""The console's page that builds a stream request: its first lines, its numbers, and the code that runs it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.datasets.models import Dataset, Theme
from themisdb_datasets.files import TYPES

FORMATS = {
    "instruction_tuning": ("Instruction tuning", ("instruction_field", "input_field", "output_field")),
    "chat_completion": ("Chat", ("system_field", "user_field", "assistant_field")),
    "text_completion": ("Text", ("text_field",)),
    "raw": ("Raw", ()),
}
LABELS = {
    "instruction_field": ("Instruction", "question"),
    "input_field": ("Input", "context"),
    "output_field": ("Output", "answer"),
    "system_field": ("System", ""),
    "user_field": ("User", ""),
    "assistant_field": ("Assistant", ""),
    "text_field": ("Text", "content"),
}
TEXTS = ("text", "content", "body", "answer", "output")
VERSIONS_OFFERED = 200


@login_required
@require_safe
def stream(request: HttpRequest) -> HttpResponse:
    """The form; choosing another dataset loads the page anew with its themes, versions and fields."""
    datasets = list(Dataset.objects.visible_to(request.user).filter(latest__isnull=False).order_by("name"))
    theme = _theme(request)
    dataset = theme.dataset if theme else _dataset(request, datasets)
    context: dict[str, Any] = {"datasets": datasets, "dataset": dataset, "theme": theme, "formats": FORMATS}
    if dataset is not None and dataset.latest is not None:
        context.update(
            themes=list(dataset.themes.all()),
            versions=list(dataset.versions.values_list("number", flat=True)[:VERSIONS_OFFERED]),
            version=request.GET.get("version", ""),
            field_names=[field["name"] for field in dataset.latest.fields],
            **_start(dataset),
            endpoint=request.build_absolute_uri("/api/export/jsonl_llm/stream"),
            tokens_url=reverse("token-list"),
            file_types=list(TYPES),
            snippets=[(title, "") for title in ("curl", "Python", "PyTorch", "HuggingFace")],
        )
    return render(request, "exports/stream.html", context)


def _theme(request: HttpRequest) -> Theme | None:
    asked = request.GET.get("theme", "")
    if not _is_id(asked):
        return None
    return get_object_or_404(
        Theme.objects.visible_to(request.user).select_related("dataset__latest"), pk=asked
    )


def _dataset(request: HttpRequest, datasets: list[Dataset]) -> Dataset | None:
    asked = request.GET.get("dataset", "")
    rows = Dataset.objects.visible_to(request.user).select_related("latest")
    if _is_id(asked):
        return get_object_or_404(rows, pk=asked)
    return rows.get(pk=datasets[0].pk) if datasets else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _start(dataset: Dataset) -> dict[str, Any]:
    """The format that this dataset's fields allow, and the mapping's inputs, filled where the defaults do not exist."""
    names = [field["name"] for field in dataset.latest.fields] if dataset.latest else []
    texts = (
        [field["name"] for field in dataset.latest.fields if "string" in field["types"]]
        if dataset.latest
        else []
    )
    used = {name: dataset.field_mapping.get(name, default) for name, (_, default) in LABELS.items()}
    guessed = "" if _there(used["text_field"], names) else next((name for name in TEXTS if name in texts), "")
    chosen = "raw"
    if _there(used["text_field"], names) or guessed:
        chosen = "text_completion"
    if _there(used["instruction_field"], names) and _there(used["output_field"], names):
        chosen = "instruction_tuning"
    fields = [
        {
            "name": name,
            "label": label,
            "formats": " ".join(key for key, (_, parts) in FORMATS.items() if name in parts),
            "default": used[name],
            "value": guessed if name == "text_field" else "",
        }
        for name, (label, _) in LABELS.items()
    ]
    return {"chosen_format": chosen, "mapping": fields}


def _there(source: str, names: list[str]) -> bool:
    """Whether a mapping's value can be filled: a field that there is, or a template."""
    return source in names or "{" in source
