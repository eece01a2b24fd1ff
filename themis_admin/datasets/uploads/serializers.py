"""The body of a request for an upload."""

from rest_framework import serializers

from themis_admin.web.bodies import Body


class UploadBody(Body):
    filename = serializers.CharField(max_length=500)
    num_bytes = serializers.IntegerField(min_value=0)
