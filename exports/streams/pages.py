"""The console's page that builds a stream request: its first lines, its numbers, and the code that runs it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.datasets.models import Dataset, Theme
from themisdb_datasets.engine.plans.files import TYPES
from themisdb_datasets.engine.rendering.formats import PRESETS

TURNS = ("messages_field", "system_field", "user_field", "input_field", "assistant_field")
ASKED = ("instruction_field", "input_field", "output_field")


@dataclass(frozen=True)
class FormatChoice:
    """A format as the page offers it: its name, the mapping's inputs that it has, and what a line looks like."""

    key: str
    title: str
    inputs: tuple[str, ...]
    shape: str

    @property
    def bare(self) -> bool:
        """Whether its lines have neither weights nor metadata unless asked for."""
        return self.key in PRESETS or self.key == "raw"


MESSAGES_SHAPE = '{"messages": [{"role", "content"}, …]}'
FORMATS = {
    "Formats": [
        FormatChoice(
            "instruction_tuning", "Instruction tuning", ASKED, '{"instruction", "input", "output", …}'
        ),
        FormatChoice(
            "chat_completion", "Chat", tuple(name for name in TURNS if name != "input_field"), MESSAGES_SHAPE
        ),
        FormatChoice("text_completion", "Text", ("text_field",), '{"text", …}'),
        FormatChoice(
            "preference",
            "Preference",
            ("prompt_field", "chosen_field", "rejected_field"),
            '{"prompt", "chosen", "rejected", …}',
        ),
        FormatChoice("raw", "Raw", (), "the sample's own line"),
    ],
    "Presets": [
        FormatChoice("alpaca", "Alpaca", ASKED, '{"instruction", "input", "output"}'),
        FormatChoice("sharegpt", "ShareGPT", TURNS, '{"conversations": [{"from", "value"}, …]}'),
        FormatChoice("chatml", "ChatML", TURNS, '{"text": "<|im_start|>user …"}'),
        FormatChoice("openai", "OpenAI", TURNS, MESSAGES_SHAPE),
    ],
}
LABELS = {
    "instruction_field": ("Instruction", "question"),
    "text_field": ("Text", "content"),
    "messages_field": ("Messages", ""),
    "system_field": ("System", ""),
    "user_field": ("User", ""),
    "input_field": ("Input", "context"),
    "output_field": ("Output", "answer"),
    "assistant_field": ("Assistant", ""),
    "prompt_field": ("Prompt", ""),
    "chosen_field": ("Chosen", "chosen"),
    "rejected_field": ("Rejected", "rejected"),
}
TEXTS = ("text", "content", "body", "answer", "output")
CONVERSATIONS = ("messages", "conversations", "conversation")
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
            labels=list(dataset.labels.select_related("version")[:VERSIONS_OFFERED]),
            version=request.GET.get("version", ""),
            field_names=[field["name"] for field in dataset.latest.fields],
            rules=list(dataset.weighting_rules.all()),
            rule=request.GET.get("rule", ""),
            parts=[part["name"] for part in (dataset.split or {"parts": []})["parts"]],
            **_start(dataset),
            endpoint=request.build_absolute_uri("/api/export/jsonl_llm/stream"),
            tokens_url=reverse("token-list"),
            file_types=list(TYPES),
            snippets=[(title, "") for title in ("curl", "Python", "PyTorch", "HuggingFace", "themis")],
        )
    return render(request, "exports/streams/stream.html", context)


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
    types = {field["name"]: field["types"] for field in dataset.latest.fields} if dataset.latest else {}
    used = {name: dataset.field_mapping.get(name, default) for name, (_, default) in LABELS.items()}
    used["user_field"] = used["user_field"] or used["instruction_field"]
    used["assistant_field"] = used["assistant_field"] or used["output_field"]
    used["prompt_field"] = used["prompt_field"] or (
        "prompt" if "prompt" in types else used["instruction_field"]
    )
    guessed = {}
    if not _there(used["text_field"], types):
        guessed["text_field"] = next((name for name in TEXTS if "string" in types.get(name, ())), "")
    if not used["messages_field"]:
        guessed["messages_field"] = next(
            (name for name in CONVERSATIONS if "array" in types.get(name, ())), ""
        )
    fields = [
        {
            "name": name,
            "label": label,
            "formats": " ".join(
                each.key for group in FORMATS.values() for each in group if name in each.inputs
            ),
            "default": used[name],
            "value": guessed.get(name, ""),
        }
        for name, (label, _) in LABELS.items()
    ]
    return {"chosen_format": _format({**used, **_filled(guessed)}, types), "mapping": fields}


def _format(used: dict[str, str], types: Collection[str]) -> str:
    """The first format that all of its fields are there for."""
    needs = {
        "instruction_tuning": ("instruction_field", "output_field"),
        "preference": ("prompt_field", "chosen_field", "rejected_field"),
        "chat_completion": ("messages_field",),
        "text_completion": ("text_field",),
    }
    there = (name for name, roles in needs.items() if all(_there(used[role], types) for role in roles))
    return next(there, "raw")


def _filled(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _there(source: str, names: Collection[str]) -> bool:
    """Whether a mapping's value can be filled: a field that there is, or a template."""
    return source in names or "{" in source
