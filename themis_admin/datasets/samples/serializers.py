"""The query of a page of samples."""

from rest_framework import serializers

from themis_admin.web.bodies import PageQuery


class SamplesQuery(PageQuery):
    theme = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="the id of a theme of the dataset"
    )
    where = serializers.CharField(required=False, max_length=1_000_000)
    search = serializers.CharField(required=False, allow_blank=True, max_length=1000, trim_whitespace=False)
    order_by = serializers.CharField(required=False, allow_blank=True, max_length=500)
