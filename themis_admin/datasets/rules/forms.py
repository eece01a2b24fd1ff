"""The forms of weighting rules."""

import json
from typing import Any, cast

from django import forms

from themis_admin.datasets.cleaning import MAX_NAME
from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themis_admin.web.forms import ServiceForm
from themisdb_datasets.errors import ThemisError


class RuleForm(ServiceForm):
    """A weighting rule's name and its definition as JSON, which the form's inputs write."""

    name = forms.CharField(max_length=MAX_NAME)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    definition = forms.CharField(
        label="The rule as JSON",
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "class": "textarea", "aria-label": "The rule as JSON"}
        ),
    )

    def clean_definition(self) -> Any:
        try:
            return json.loads(self.cleaned_data["definition"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from None

    def add_service_error(self, error: ThemisError) -> None:
        """What is not about the name or the description is about the definition."""
        own = {name: text for name, text in error.fields.items() if name in self.fields}
        for name, text in (own or {"definition": str(error)}).items():
            self.add_error(name, str(text))


class RulesField(forms.ModelMultipleChoiceField[WeightingRule]):
    """Weighting rules by their ids; a number that no id can be is as unknown as any other."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            message = self.error_messages["invalid_choice"]
            raise forms.ValidationError(
                message, code="invalid_choice", params={"value": "a number as large as that"}
            ) from None


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
