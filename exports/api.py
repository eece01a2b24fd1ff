"""The export API over HTTP, in ThemisDB's words."""

from typing import cast

from django.db import connection
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from exports import services
from exports.body import StreamBody, parse_body
from exports.dry_run import describe
from exports.stream import ChunkResponse, pump
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.api import ThemisView


class StreamView(ThemisView):
    """POST: the samples of a plan as chunked JSON lines, as fast as the client reads them."""

    scopes = {"POST": "export"}
    parameters = ()

    def post(self, request: Request) -> HttpResponseBase:
        """Everything that can be refused is refused before the first byte; a dry run answers the plan instead."""
        body = parse_body(request.data)
        user = cast(User, request.user)
        opened = services.open_request(body, user)
        if body.dry_run:
            return Response(describe(opened))
        detail = {
            "plan": opened.delivery.plan.digest,
            "start": opened.window.start,
            "num_samples": len(opened.window),
        }
        audit.record(user=user, action="export.stream", object=opened.title, detail=detail)
        return _stream(opened, body)


def _stream(opened: services.Opened, body: StreamBody) -> ChunkResponse:
    delivery, window = opened.delivery, opened.window
    chunks = delivery.chunks(window, batch_size=body.batch_size)
    response = ChunkResponse(pump(chunks), content_type="application/x-ndjson")
    response["X-Themis-Plan"] = delivery.plan.digest
    response["X-Themis-Version"] = delivery.plan.version
    response["X-Themis-Num-Samples"] = str(len(window))
    response["X-Themis-Cursor"] = str(opened.cursor)
    if body.world_size > 1:
        response["X-Themis-Num-Padded"] = str(opened.num_padded)
    invalid = [kept.counts["invalid"] for kept in delivery.selections if "invalid" in kept.counts]
    if invalid:
        response["X-Themis-Num-Invalid"] = str(sum(invalid))
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    if not connection.in_atomic_block:
        # A stream may take hours and needs the database no more.
        connection.close()
    return response
