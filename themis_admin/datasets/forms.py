"""A dataset's form; the services check what it holds."""

from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from themis_admin.datasets.cleaning import MAPPING_KEYS, MAX_NAME
from themis_admin.datasets.models import Dataset
from themis_admin.web.forms import ServiceForm

DEFAULTS = {
    "instruction_field": "question",
    "input_field": "context",
    "output_field": "answer",
    "text_field": "content",
}


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
