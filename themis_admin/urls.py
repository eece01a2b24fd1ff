"""All routes: the REST API, the export API, health, and the console's pages."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import exports.urls
import indexing.urls
import themis_admin.accounts.urls
import themis_admin.console.urls
import themis_admin.datasets.urls
import themis_admin.jobs.urls
import themis_admin.snapshots.urls
from themis_admin.web import health
from themis_admin.web.api import unknown_route

APPS = (
    themis_admin.accounts.urls,
    themis_admin.jobs.urls,
    themis_admin.datasets.urls,
    themis_admin.snapshots.urls,
    indexing.urls,
    exports.urls,
    themis_admin.console.urls,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    *(path("api/v1/", include(app.api_urlpatterns)) for app in APPS),
    path("api/", include(exports.urls.export_urlpatterns)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path(r"^api(/|$)", csrf_exempt(unknown_route)),
    *(path("", include(app.page_urlpatterns)) for app in APPS),
]

handler400 = "themis_admin.console.errors.bad_request"
handler403 = "themis_admin.console.errors.permission_denied"
handler404 = "themis_admin.console.errors.page_not_found"
handler500 = "themis_admin.console.errors.broken"
