"""REST: jobs and events."""

from typing import Any, TypeVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.jobs import events, services
from themis_admin.jobs.models import Event, Job, JobState
from themis_admin.web.api import PAGING, ThemisView
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

OBJECT = OpenApiTypes.OBJECT
MAX_EVENTS = 1000


JobRows = TypeVar("JobRows", bound="QuerySet[Any]")


def in_state(rows: JobRows, request: Request, *, field: str = "job__state") -> JobRows:
    """Those whose job is in the state that the query asks for, or all; MalformedError for one that does not exist."""
    state = request.query_params.get("state")
    if not state:
        return rows
    if state not in JobState.values:
        raise MalformedError.at(
            "state", "There is no state {state!r}{hint}.", state=state, hint=nearest(state, JobState.values)
        )
    found: JobRows = rows.filter(**{field: state})
    return found


class JobsView(ThemisView):
    """The jobs one may see."""

    parameters = ("state", "kind", *PAGING)

    @extend_schema(responses=OBJECT, parameters=[OpenApiParameter("state"), OpenApiParameter("kind")])
    def get(self, request: Request) -> Response:
        """The newest first, by state and kind."""
        jobs = Job.objects.visible_to(request.user).select_related("owner")
        jobs = in_state(jobs, request, field="state")
        if kind := request.query_params.get("kind"):
            jobs = jobs.filter(kind=kind)
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(jobs, request, view=self)
        return paginator.get_paginated_response([job.to_dict() for job in page or []])


class JobView(ThemisView):
    """One job."""

    parameters = ()

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The job as it stands."""
        return Response(find(request, pk).to_dict())


class CancelView(ThemisView):
    """Ending a job before its time."""

    parameters = ()

    @extend_schema(request=None, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Cancel a queued job at once, and have a running one stop."""
        return Response(services.cancel(find(request, pk)).to_dict(), status=202)


class RetryView(ThemisView):
    """Doing again what failed."""

    parameters = ()

    @extend_schema(request=None, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Queue a new job with the same work."""
        return Response({"job": services.retry(find(request, pk)).to_dict()}, status=202)


class LogView(ThemisView):
    """A job's log."""

    parameters = ()

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """Its changes of state and what it logged, the oldest first."""
        rows = (
            Event.objects.filter(job=find(request, pk))
            # Not a page of all: a long job has thousands of them, and they would push out what it logged.
            .exclude(kind="job.progress")
            .order_by("id")[:MAX_EVENTS]
        )
        return Response({"next": None, "previous": None, "results": [row.to_dict() for row in rows]})


class EventsView(ThemisView):
    """Events by polling: the same as over the socket."""

    parameters = ("since", "limit")

    @extend_schema(
        responses=OBJECT, parameters=[OpenApiParameter("since", int), OpenApiParameter("limit", int)]
    )
    def get(self, request: Request) -> Response:
        """Those after `since`; `last` is where to go on."""
        since, limit = _number(request, "since", 0), min(_number(request, "limit", 200), MAX_EVENTS)
        found = events.after(request.user, since, limit=limit)
        return Response(
            {"results": [event.to_dict() for event in found], "last": found[-1].pk if found else since}
        )


def find(request: Request, pk: int) -> Job:
    """The job, if the user may see it."""
    job: Job = get_object_or_404(Job.objects.visible_to(request.user).select_related("owner"), pk=pk)
    return job


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise MalformedError.at(name, "{name} is a whole number.", name=name)
    return int(text)
