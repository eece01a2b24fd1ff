"""The bodies of requests that mend rejected lines."""

from rest_framework import serializers

from themis_admin.web.bodies import Body


class MendedLine(Body):
    number = serializers.IntegerField(
        min_value=0, max_value=2**62, help_text="in the list of rejects, from 0"
    )
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)


class MendedBody(Body):
    lines = serializers.ListField(child=MendedLine(), max_length=1000)
    mode = serializers.CharField(default="append")
    note = serializers.CharField(default="", allow_blank=True)
