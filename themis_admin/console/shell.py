"""What every page of the console shows around its content: the counts in the rail, and where live events go on."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from themis_admin.datasets.models import Dataset, Theme
from themis_admin.jobs import events
from themis_admin.jobs.models import Job

ACTIVE = ("queued", "running")
NO_PAGES = ("/api/", "/health/")
PLACE = "themis.last_event"


class LivePlace:
    """Middleware: asks for the last event before a page is made, so that what happens meanwhile is told to the page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Without a session no page with live events is shown, so nothing is asked.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path.startswith(NO_PAGES):
            request.META[PLACE] = events.last_id()
        return self.get_response(request)


def shell(request: HttpRequest) -> dict[str, Any]:
    """A context processor; nothing is asked unless a template uses it."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}

    def look() -> dict[str, int]:
        # Not the last event now, but as it was before the page asked for its rows: what happened in between
        # is not on the page, and would not be told either.
        place: int | None = request.META.get(PLACE)
        return {
            "num_datasets": Dataset.objects.visible_to(user).count(),
            "num_themes": Theme.objects.visible_to(user).count(),
            "num_active": Job.objects.visible_to(user).filter(state__in=ACTIVE).count(),
            "last_event": events.last_id() if place is None else place,
        }

    return {"shell": SimpleLazyObject(look)}
