"""The form of an index."""

from typing import Any, cast

from django import forms

from indexing.index_models import OFFSETS
from themis_admin.datasets.forms import ServiceForm
from themis_admin.datasets.models import Dataset, Theme


class IndexForm(ServiceForm):
    """Of what part of a version an index is made, and of which kind."""

    KINDS = [(OFFSETS, "offsets: any sample by its number")]

    kind = forms.ChoiceField(choices=KINDS, initial=OFFSETS)
    theme = forms.ModelChoiceField(Theme.objects.none(), required=False, empty_label="all samples")

    def __init__(self, dataset: Dataset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField[Theme], self.fields["theme"]).queryset = dataset.themes.all()

    def values(self) -> dict[str, Any]:
        """As `start_index` takes them."""
        return {"kind": self.cleaned_data["kind"], "theme": self.cleaned_data["theme"]}
