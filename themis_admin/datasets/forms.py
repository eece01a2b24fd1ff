"""The console's forms for datasets, uploads and themes; the services check what they hold."""

import json
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from themis_admin.datasets.checks import MAPPING_KEYS, MAX_NAME
from themis_admin.datasets.models import Dataset
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MAPPING_KEYS:
            self.fields[name] = forms.CharField(required=False, label=name.replace("_", " ").capitalize())
            self.fields[name].widget.attrs["placeholder"] = DEFAULTS.get(name, "")
        for name in ("key_field", "timestamp_field", *MAPPING_KEYS):
            self.fields[name].widget.attrs.update(
                {"list": "field-names", "autocomplete": "off", "spellcheck": "false"}
            )

    @staticmethod
    def initial_of(dataset: Dataset) -> dict[str, Any]:
        """What an edit starts with."""
        names = ("name", "description", "key_field", "timestamp_field")
        return {**{name: getattr(dataset, name) for name in names}, **dataset.field_mapping}

    def values(self) -> dict[str, Any]:
        """What the services take."""
        data = self.cleaned_data
        mapping = {name: data[name] for name in MAPPING_KEYS if data[name]}
        names = ("name", "description", "key_field", "timestamp_field")
        return {**{name: data[name] for name in names}, "field_mapping": mapping}

    def mapping_fields(self) -> list[BoundField]:
        return [self[name] for name in MAPPING_KEYS]

    def mapping_used(self) -> bool:
        return any(self[name].value() for name in MAPPING_KEYS)


class ThemeForm(ServiceForm):
    """A theme's name and its filter as JSON, which the rule builder writes."""

    name = forms.CharField(max_length=MAX_NAME)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    where = forms.CharField(
        label="The filter as JSON", widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"})
    )

    def clean_where(self) -> Any:
        try:
            return json.loads(self.cleaned_data["where"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from None


class UploadForm(ServiceForm):
    """A file in one piece, for a browser without scripts."""

    file = forms.FileField()
    note = forms.CharField(required=False, max_length=2000)
    mode = forms.ChoiceField(choices=[("append", "append"), ("replace", "replace")], required=False)
