"""The one place where errors become pages of the console."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from themis_admin.web.api import CODES, STATUS, error_document, server_error
from themisdb_datasets.errors import ThemisError

PAGES = {
    400: ("This request cannot be understood", "Go back and try it again."),
    403: (
        "This was refused",
        "You may not do this, or the form was open for too long. Load the page again and repeat it.",
    ),
    404: ("There is nothing here", "It was deleted, it never was, or it is not yours to see."),
    413: ("This is too large", "Send it in parts through the upload page."),
}


class ConsoleErrors:
    """Middleware: an engine or service error that a page let through becomes a page with its sentence."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        # Below /api/ the REST views have their own handler, in which an error becomes JSON.
        if not isinstance(error, ThemisError) or request.path.startswith("/api/"):
            return None
        return error_page(request, STATUS.get(type(error), 400), sentence=str(error))


def error_page(request: HttpRequest, status: int, *, sentence: str = "") -> HttpResponse:
    """The page for a status; for a visitor who is not logged in without the console's frame."""
    heading, usual = PAGES.get(status, ("This did not work", "Go back and try it again."))
    # Here ends also what never came to a view of the API, such as a request for a wrong host.
    if request.path.startswith("/api/"):
        return JsonResponse(error_document(sentence or usual, CODES.get(status, "malformed")), status=status)
    user = getattr(request, "user", None)  # an error may come before the session was read
    frame = "error.html" if user is not None and user.is_authenticated else "error_outside.html"
    context = {"status": status, "heading": heading, "sentence": sentence or usual}
    return render(request, frame, context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        host = request.META.get("HTTP_HOST", "")[:200]
        sentence = (
            f"This server does not answer for the host {host!r}; THEMIS_ALLOWED_HOSTS names those it does."
        )
        return error_page(request, 400, sentence=sentence)
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return error_page(request, 400, sentence=f"Send at most {most:,} files at once.")
    return error_page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(request, 403)


def broken(request: HttpRequest) -> HttpResponse:
    """A fault of ours: as JSON below /api/, otherwise a page that needs neither database nor login."""
    return (
        server_error(request) if request.path.startswith("/api/") else render(request, "500.html", status=500)
    )
