"""What every page of the console shows around its content: the counts in the rail, and where live events go on."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from themis_admin.datasets.models import Dataset, Theme
from themis_admin.jobs.models import Event, Job

ACTIVE = ("queued", "running")


def shell(request: HttpRequest) -> dict[str, Any]:
    """A context processor; nothing is asked unless a template uses it."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}

    def look() -> dict[str, int]:
        last = Event.objects.order_by("-id").values_list("id", flat=True).first()
        return {
            "num_datasets": Dataset.objects.visible_to(user).count(),
            "num_themes": Theme.objects.visible_to(user).count(),
            "num_active": Job.objects.visible_to(user).filter(state__in=ACTIVE).count(),
            "last_event": last or 0,
        }

    return {"shell": SimpleLazyObject(look)}
