"""The body of a request to ingest."""

from typing import Any

from rest_framework import serializers

from themis_admin.datasets.serializers import FilterField
from themis_admin.web.bodies import Body


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
