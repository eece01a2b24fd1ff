"""The bodies of requests about weighting rules."""

from rest_framework import serializers

from themis_admin.web.bodies import Body
from themisdb_datasets.engine.weights.rules import MAX_RULES


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
