"""A snapshot's form."""

from typing import Any, cast

from django import forms

from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themis_admin.datasets.rules.forms import RulesField
from themis_admin.web.forms import ServiceForm


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
