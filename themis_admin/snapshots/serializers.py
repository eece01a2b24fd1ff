"""The body of a request for a snapshot."""

from rest_framework import serializers

from themis_admin.web.bodies import Body, IdOrName
from themisdb_datasets.engine.weights.rules import MAX_RULES


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
