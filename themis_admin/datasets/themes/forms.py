"""A theme's form."""

import json
from typing import Any

from django import forms

from themis_admin.datasets.cleaning import MAX_NAME
from themis_admin.web.forms import ServiceForm


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
