"""The bodies that the API of datasets takes; their fields are checked further by the services."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from themisdb_datasets.names import nearest
from themisdb_datasets.rules import MAX_RULES


class Body(serializers.Serializer[dict[str, Any]]):
    """A body whose unknown fields are errors, named with the nearest known one."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            known = list(self.fields)
            unknown = {
                name: [f"There is no field {name!r}{nearest(name, known)}."]
                for name in data
                if name not in known
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return dict(super().to_internal_value(data))


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 200}]})
class IdOrName(serializers.Field[int | str, Any, Any, Any]):
    """What belongs to a dataset: by its id, or by its name there."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, str) and 0 < len(data.strip()) <= 200:
            return data.strip()
        if isinstance(data, int) and not isinstance(data, bool) and 0 < data < 2**62:
            return data
        raise serializers.ValidationError("Its id or its name is wanted.")

    def to_representation(self, value: Any) -> Any:
        return value


class FilterField(serializers.JSONField):
    """A FILTER: one condition, or a tree of all, any and not."""


class SplitField(serializers.JSONField):
    """{"by": "law", "parts": [{"name": "train", "fraction": 0.9}, …]}; `by` is empty for the key."""


class DatasetBody(Body):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    key_field = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    timestamp_field = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    field_mapping = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
    split = SplitField(required=False, allow_null=True)


class ThemeBody(Body):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    where = FilterField()


class PreviewBody(Body):
    where = FilterField()


class ExplainBody(Body):
    rules = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=MAX_RULES
    )
    position = serializers.IntegerField(min_value=0, max_value=2**62)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**62)


def _rule_names() -> serializers.ListField:
    child = serializers.CharField(max_length=200)
    return serializers.ListField(child=child, required=False, default=list, max_length=MAX_RULES)


class CompareBody(Body):
    """Two weightings by the names of their rules; without any all weights are 1."""

    a = _rule_names()
    b = _rule_names()
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    theme = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    length = serializers.IntegerField(required=False, default=10, min_value=0, max_value=100)


class IngestBody(Body):
    """Files: multipart `file`, once or several times; or `upload` or `uploads`, `path` or `paths`, `uri`.

    In the mode `delete` a filter `where` instead of them.
    """

    SOURCES = ("file", "upload", "uploads", "path", "paths", "uri")

    file = serializers.ListField(
        child=serializers.FileField(use_url=False, allow_empty_file=True), required=False
    )
    upload = serializers.UUIDField(required=False)
    uploads = serializers.ListField(child=serializers.UUIDField(), required=False)
    path = serializers.CharField(required=False)
    paths = serializers.ListField(child=serializers.CharField(), required=False)
    uri = serializers.CharField(required=False)
    where = FilterField(required=False)
    mode = serializers.CharField(default="append")
    note = serializers.CharField(default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in self.SOURCES if name in attrs]
        if attrs["mode"] == "delete":
            if given or "where" not in attrs:
                message = 'The mode delete takes no files, but a filter "where" of what is to go.'
                raise serializers.ValidationError({"where": message})
            return attrs
        if "where" in attrs:
            raise serializers.ValidationError({"where": "Only the mode delete takes a filter."})
        if len(given) != 1:
            message = 'Give one of "file" (multipart), "upload", "uploads", "path", "paths" and "uri".'
            raise serializers.ValidationError({"file": message})
        return attrs


class MendedLine(Body):
    number = serializers.IntegerField(
        min_value=0, max_value=2**62, help_text="in the list of rejects, from 0"
    )
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)


class MendedBody(Body):
    lines = serializers.ListField(child=MendedLine(), max_length=1000)
    mode = serializers.CharField(default="append")
    note = serializers.CharField(default="", allow_blank=True)


class UploadBody(Body):
    filename = serializers.CharField(max_length=500)
    num_bytes = serializers.IntegerField(min_value=0)


class PageQuery(serializers.Serializer[dict[str, Any]]):
    offset = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    length = serializers.IntegerField(min_value=1, max_value=100, default=100)


class SamplesQuery(PageQuery):
    theme = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="the id of a theme of the dataset"
    )
    where = serializers.CharField(required=False, max_length=1_000_000)
    search = serializers.CharField(required=False, allow_blank=True, max_length=1000, trim_whitespace=False)
    order_by = serializers.CharField(required=False, allow_blank=True, max_length=500)


class SnapshotBody(Body):
    version = serializers.IntegerField(min_value=1, max_value=2**62, help_text="its id")
    theme = IdOrName(required=False, allow_null=True, help_text="its id or name; none: all samples")
    weighting_rules = serializers.ListField(child=IdOrName(), required=False, max_length=MAX_RULES)
    series = serializers.CharField(
        required=False, max_length=63, help_text="those that follow each other; else by theme and rules"
    )
    keep_last = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000, help_text="of the series; null: all"
    )
