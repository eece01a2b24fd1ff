"""The bodies that the API of datasets takes; their fields are checked further by the services."""

from rest_framework import serializers

from themis_admin.web.bodies import Body


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
