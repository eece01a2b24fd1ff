"""The addresses of the overview and the palette."""

from django.urls import URLPattern, URLResolver, path

from themis_admin.console import pages

api_urlpatterns: list[URLPattern | URLResolver] = []
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.overview, name="overview"),
    path("palette/", pages.palette, name="palette"),
]
