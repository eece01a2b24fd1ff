"""The routes of the exports app."""

from django.urls import URLPattern, URLResolver, path

from exports import pages
from exports.api import StreamView

export_urlpatterns: list[URLPattern | URLResolver] = [
    path("jsonl_llm/stream", StreamView.as_view(), name="export-stream"),
]
api_urlpatterns: list[URLPattern | URLResolver] = []
page_urlpatterns: list[URLPattern | URLResolver] = [path("stream/", pages.stream, name="stream")]
