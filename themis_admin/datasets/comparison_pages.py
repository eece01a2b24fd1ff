"""The console's page that compares two weightings of a dataset."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from themis_admin.datasets import cards, comparisons
from themis_admin.datasets.forms import RulesField, ServiceForm
from themis_admin.datasets.models import Dataset, Theme, Version, WeightingRule
from themis_admin.datasets.pages import get_dataset
from themisdb_datasets.comparing import Change
from themisdb_datasets.errors import ThemisError


class CompareForm(ServiceForm):
    """The rules of either side, and what they are compared over."""

    a = RulesField(
        WeightingRule.objects.none(), required=False, label="A", widget=forms.CheckboxSelectMultiple
    )
    b = RulesField(
        WeightingRule.objects.none(), required=False, label="B", widget=forms.CheckboxSelectMultiple
    )
    theme = forms.ModelChoiceField(
        Theme.objects.none(), required=False, label="Over", empty_label="all samples"
    )

    def __init__(self, dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField[Theme], self.fields["theme"]).queryset = dataset.themes.all()
        for side in ("a", "b"):
            field = cast(forms.ModelMultipleChoiceField[WeightingRule], self.fields[side])
            field.queryset = dataset.weighting_rules.all()


@login_required
@require_safe
def rule_compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Both weightings over the latest version: figures, histograms, and the samples that gain and lose most."""
    dataset = get_dataset(request, pk)
    asked = bool({"a", "b"} & set(request.GET))
    form = CompareForm(dataset, request.GET if asked else None, initial={"theme": request.GET.get("theme")})
    context: dict[str, Any] = {
        "dataset": dataset,
        "version": dataset.latest,
        "form": form,
        "num_rules": dataset.weighting_rules.count(),
    }
    if dataset.latest is not None and asked and form.is_valid():
        try:
            context.update(_compared(dataset, dataset.latest, form.cleaned_data))
        except ThemisError as error:
            form.add_service_error(error)
    return render(request, "datasets/rules/compare.html", context, status=422 if form.errors else 200)


def _compared(dataset: Dataset, version: Version, chosen: dict[str, Any]) -> dict[str, Any]:
    sides, theme = [list(chosen[side]) for side in ("a", "b")], chosen["theme"]
    found = comparisons.compare_rules(version, *sides, theme=theme)
    document = comparisons.to_document(found, version, theme)
    return {
        "found": found,
        "sides": [
            (name, rules, side, round(side.effective))
            for name, rules, side in zip("AB", sides, (found.a, found.b), strict=True)
        ],
        "moved": 100 * found.moved,
        "bins": document["bins"],
        "gaining": _shown(dataset, version, found.gaining),
        "losing": _shown(dataset, version, found.losing),
    }


def _shown(dataset: Dataset, version: Version, changes: Iterable[Change]) -> list[tuple[cards.Card, Change]]:
    changes = list(changes)
    layout = cards.Layout.of(dataset, version)
    shown = cards.cards(version.open(), layout, [each.position for each in changes])
    return list(zip(shown, changes, strict=True))
