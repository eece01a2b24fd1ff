"""The bodies of requests about themes."""

from rest_framework import serializers

from themis_admin.datasets.serializers import FilterField
from themis_admin.web.bodies import Body


class ThemeBody(Body):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    where = FilterField()


class PreviewBody(Body):
    where = FilterField()
