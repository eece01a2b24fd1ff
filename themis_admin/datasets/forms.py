"""The console's forms for datasets, uploads and themes; the services check what they hold."""

import json
from typing import Any, cast

from django import forms
from django.forms.boundfield import BoundField

from themis_admin.datasets.checks import MAPPING_KEYS, MAX_NAME
from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themisdb_datasets.errors import ThemisError

DEFAULTS = {
    "instruction_field": "question",
    "input_field": "context",
    "output_field": "answer",
    "text_field": "content",
}


class ServiceForm(forms.Form):
    """A form whose values a service checks again; what the service says goes under the field it means."""

    def add_service_error(self, error: ThemisError) -> None:
        """Put the service's sentences where their fields are, and the rest on top."""
        placed = False
        for name, message in error.fields.items():
            target = name.removeprefix("field_mapping.").split(".")[0].split("[")[0]
            target = {"split": "split_by" if name == "split.by" else "split_parts"}.get(target, target)
            if target in self.fields:
                self.add_error(target, str(message))
                placed = True
        if not placed:
            self.add_error(None, str(error))


class DatasetForm(ServiceForm):
    """A dataset's name, what it is, and how its fields are read."""

    name = forms.CharField(max_length=MAX_NAME)
    description = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it holds and where it comes from",
    )
    key_field = forms.CharField(required=False, help_text="Names a sample, such as id")
    timestamp_field = forms.CharField(
        required=False, help_text="A sample's date, such as created_at; streams filter by it"
    )

    split_parts = forms.CharField(
        required=False,
        label="Parts of the split",
        help_text="Names with fractions that add up to 1; none for no split",
        widget=forms.TextInput(attrs={"placeholder": "train 0.9, validation 0.05, test 0.05"}),
    )
    split_by = forms.CharField(
        required=False,
        label="Split by",
        help_text="Keeps samples of one value together; empty: each by its key",
    )

    split_seed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MAPPING_KEYS:
            self.fields[name] = forms.CharField(required=False, label=name.replace("_", " ").capitalize())
            self.fields[name].widget.attrs["placeholder"] = DEFAULTS.get(name, "")
        for name in ("key_field", "timestamp_field", "split_by", *MAPPING_KEYS):
            self.fields[name].widget.attrs.update(
                {"list": "field-names", "autocomplete": "off", "spellcheck": "false"}
            )

    @staticmethod
    def initial_of(dataset: Dataset) -> dict[str, Any]:
        """What an edit starts with."""
        names = ("name", "description", "key_field", "timestamp_field")
        split = dataset.split or {"by": "", "seed": "", "parts": []}
        parts = ", ".join(f"{part['name']} {part['fraction']:g}" for part in split["parts"])
        values = {name: getattr(dataset, name) for name in names}
        splitting = {"split_by": split["by"], "split_seed": split["seed"], "split_parts": parts}
        return {**values, **dataset.field_mapping, **splitting}

    def clean_split_parts(self) -> list[dict[str, Any]]:
        parts = []
        for text in filter(None, (part.strip() for part in self.cleaned_data["split_parts"].split(","))):
            name, _, fraction = text.rpartition(" ")
            try:
                parts.append({"name": name, "fraction": float(fraction)})
            except ValueError:
                raise forms.ValidationError(
                    f"“{text}” is no name with a fraction, such as train 0.9."
                ) from None
        return parts

    def values(self) -> dict[str, Any]:
        """What the services take."""
        data = self.cleaned_data
        mapping = {name: data[name] for name in MAPPING_KEYS if data[name]}
        names = ("name", "description", "key_field", "timestamp_field")
        parts = data["split_parts"]
        split = {"by": data["split_by"], "seed": data["split_seed"], "parts": parts} if parts else None
        return {**{name: data[name] for name in names}, "field_mapping": mapping, "split": split}

    def mapping_fields(self) -> list[BoundField]:
        return [self[name] for name in MAPPING_KEYS]

    def split_used(self) -> bool:
        return bool(self["split_parts"].value() or self["split_by"].value())

    def mapping_used(self) -> bool:
        return any(self[name].value() for name in MAPPING_KEYS)


class ThemeForm(ServiceForm):
    """A theme's name and its filter as JSON, which the filter builder writes."""

    name = forms.CharField(max_length=MAX_NAME)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    where = forms.CharField(
        label="The filter as JSON",
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "class": "textarea", "aria-label": "The filter as JSON"}
        ),
    )

    def clean_where(self) -> Any:
        try:
            return json.loads(self.cleaned_data["where"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from None


class DeleteForm(ServiceForm):
    """A filter of what is to go, as JSON, which the filter builder writes."""

    where = ThemeForm.base_fields["where"]
    note = forms.CharField(required=False, max_length=2000)
    clean_where = ThemeForm.clean_where


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


class SnapshotForm(ServiceForm):
    """What of a version a snapshot freezes, its weights, and the series it is part of."""

    theme = forms.ModelChoiceField(Theme.objects.none(), required=False, empty_label="all samples")
    weighting_rules = RulesField(
        WeightingRule.objects.none(),
        required=False,
        label="Weighting rules",
        widget=forms.CheckboxSelectMultiple,
        help_text="A sample's weight is the product of their factors, from 0 to 2; without any it is 1",
    )
    series = forms.CharField(
        required=False,
        max_length=63,
        help_text="Snapshots of one series follow each other under one address; empty: named after theme and rules",
        widget=forms.TextInput(
            attrs={"placeholder": "nightly", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    keep_last = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10_000,
        label="Keep of the series",
        help_text="So many of the newest; older ones are removed when this one is published. Empty: all",
    )

    def __init__(self, dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField[Theme], self.fields["theme"]).queryset = dataset.themes.all()
        rules = cast(forms.ModelMultipleChoiceField[WeightingRule], self.fields["weighting_rules"])
        rules.queryset = dataset.weighting_rules.all()

    def values(self) -> dict[str, Any]:
        """As `start_snapshot` takes them."""
        data = self.cleaned_data
        return {
            "theme": data["theme"],
            "rules": list(data["weighting_rules"]),
            "series": data["series"],
            "keep_last": data["keep_last"],
        }


class UploadForm(ServiceForm):
    """A file in one piece, for a browser without scripts."""

    file = forms.FileField()
    note = forms.CharField(required=False, max_length=2000)
    mode = forms.ChoiceField(
        choices=[("append", "append"), ("upsert", "upsert"), ("replace", "replace")], required=False
    )
