"""The form of an index."""

from typing import Any, cast

from django import forms

from indexing.indexes.services import Wanted
from indexing.models import OFFSETS, TOKENS, Tokenizer
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.web.forms import ServiceForm
from themisdb_datasets.engine.indexes.packing import MAX_SAMPLE_SIZE
from themisdb_datasets.tokens import DTYPES


class IndexForm(ServiceForm):
    """Of what part of a version an index is made, and of which kind; an index of tokens needs some more."""

    KINDS = [
        (OFFSETS, "offsets: any sample by its number"),
        (TOKENS, "tokens: texts as numbers"),
    ]

    kind = forms.ChoiceField(choices=KINDS, initial=OFFSETS)
    theme = forms.ModelChoiceField(Theme.objects.none(), required=False, empty_label="all samples")
    tokenizer = forms.ModelChoiceField(Tokenizer.objects.none(), required=False, empty_label="choose one")
    text_field = forms.CharField(
        label="Text", required=False, help_text="A field, or a template such as {title}: {text}"
    )
    sample_size = forms.IntegerField(
        label="Tokens a sample",
        required=False,
        min_value=1,
        max_value=MAX_SAMPLE_SIZE,
        help_text="Empty: one document each",
    )
    eos_token = forms.CharField(
        label="Ends a document", required=False, help_text="Empty: the tokenizer's usual one"
    )
    dtype = forms.ChoiceField(
        label="Stored as",
        required=False,
        choices=[("", "what the vocabulary fits"), *((name, name) for name in DTYPES)],
    )

    def __init__(self, dataset: Dataset, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        themes = cast(forms.ModelChoiceField[Theme], self.fields["theme"])
        themes.queryset = dataset.themes.all()
        known = cast(forms.ModelChoiceField[Tokenizer], self.fields["tokenizer"])
        known.queryset = Tokenizer.objects.visible_to(user).order_by("name", "id")
        self.fields["text_field"].initial = dataset.field_mapping.get("text_field", "")

    @property
    def has_tokenizers(self) -> bool:
        """Whether there is one to choose."""
        known: Any = self.fields["tokenizer"]
        return bool(known.queryset.exists())

    @property
    def asks_tokens(self) -> bool:
        """Whether the fields for tokens are shown at once."""
        return bool(self["kind"].value() == TOKENS)

    def clean(self) -> dict[str, Any]:
        """An index of tokens is made with a tokenizer."""
        values = super().clean() or self.cleaned_data
        if (
            values.get("kind") == TOKENS
            and values.get("tokenizer") is None
            and "tokenizer" not in self.errors
        ):
            self.add_error("tokenizer", "Choose a tokenizer.")
        return values

    def values(self) -> dict[str, Any]:
        """As `start_index` takes them."""
        return {"kind": self.cleaned_data["kind"], "theme": self.cleaned_data["theme"]}

    def wanted(self) -> Wanted | None:
        """As `start_token_index` takes them; None for another kind."""
        values = self.cleaned_data
        if values["kind"] != TOKENS:
            return None
        return Wanted(
            values["tokenizer"],
            values["text_field"],
            values["sample_size"],
            values["eos_token"],
            values["dtype"] or None,
        )
