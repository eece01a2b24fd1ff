"""The bodies that the API of indexes takes."""

from typing import Any

from rest_framework import serializers

from indexing.models import OFFSETS, TOKENS
from themis_admin.web.bodies import Body, IdOrName
from themisdb_datasets.engine.indexes.packing import MAX_SAMPLE_SIZE
from themisdb_datasets.tokens import DTYPES

KINDS = (OFFSETS, TOKENS)
# What only an index of tokens has, beside its tokenizer.
TOKEN_FIELDS = ("text_field", "sample_size", "eos_token", "dtype")


class IndexBody(Body):
    """Of lines or of tokens.

    {"kind": "offsets", "version", "theme"}, or {"kind": "offsets", "artifact"} for the lines of an export's file;
    {"kind": "tokens", "version", "theme", "tokenizer", "text_field", "sample_size", "eos_token", "dtype"}, where
    `sample_size` null is one document each.
    """

    kind = serializers.ChoiceField(choices=KINDS)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    theme = IdOrName(required=False, allow_null=True)
    artifact = serializers.IntegerField(required=False, min_value=1, max_value=2**62)

    tokenizer = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    text_field = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    sample_size = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_SAMPLE_SIZE
    )
    eos_token = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    dtype = serializers.ChoiceField(choices=tuple(DTYPES), required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("version" in attrs) == ("artifact" in attrs):
            raise serializers.ValidationError({"version": 'Give either "version" or "artifact".'})
        if "artifact" in attrs and attrs.get("theme") is not None:
            raise serializers.ValidationError({"theme": "A theme is of a version; a file has all its lines."})
        return self._of_kind(attrs)

    def _of_kind(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what an index of this kind does not have."""
        if attrs["kind"] == TOKENS:
            if "artifact" in attrs:
                message = "A token index is of a version; export the file's plan as a theme instead."
                raise serializers.ValidationError({"artifact": message})
            if "tokenizer" not in attrs:
                raise serializers.ValidationError({"tokenizer": "Name a tokenizer by its id."})
            return attrs
        for name in ("tokenizer", *TOKEN_FIELDS):
            if name in attrs:
                raise serializers.ValidationError({name: "Only an index of the kind tokens has this."})
        return attrs
