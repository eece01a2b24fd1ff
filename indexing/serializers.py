"""The bodies that the API of indexes takes."""

from typing import Any

from rest_framework import serializers

from indexing.index_models import OFFSETS
from themis_admin.datasets.serializers import Body

KINDS = (OFFSETS,)


class IndexBody(Body):
    """{"kind": "offsets", "version", "theme"}, or {"kind": "offsets", "artifact"} for the lines of an export's file."""

    kind = serializers.ChoiceField(choices=KINDS)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    theme = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**62)
    artifact = serializers.IntegerField(required=False, min_value=1, max_value=2**62)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("version" in attrs) == ("artifact" in attrs):
            raise serializers.ValidationError({"version": 'Give either "version" or "artifact".'})
        if "artifact" in attrs and attrs.get("theme") is not None:
            raise serializers.ValidationError({"theme": "A theme is of a version; a file has all its lines."})
        return attrs
