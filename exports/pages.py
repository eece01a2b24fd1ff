"""The console's page that builds a stream request: its first lines, its numbers, and the code that runs it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.datasets.models import Dataset, Theme

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
            mapping=_mapping(dataset),
            endpoint=request.build_absolute_uri("/api/export/jsonl_llm/stream"),
            tokens_url=reverse("token-list"),
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


def _mapping(dataset: Dataset) -> list[dict[str, Any]]:
    """The fields of a mapping with the formats that use them and what they are when left empty."""
    return [
        {
            "name": name,
            "label": label,
            "formats": " ".join(key for key, (_, names) in FORMATS.items() if name in names),
            "default": dataset.field_mapping.get(name, default),
        }
        for name, (label, default) in LABELS.items()
    ]
