"""The export API over HTTP, in ThemisDB's words."""

import re
from functools import partial
from urllib.parse import quote

from django.db import connection
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from exports.delivery import opening
from exports.delivery.dry_run import describe
from exports.limits import Consumer, open_stream
from exports.models import Stream, StreamQuerySet, StreamState
from exports.requests.body import StreamBody, parse_body
from exports.streams import continuous
from exports.streams.compression import negotiate, open_encoder
from exports.streams.leases import OpenStream
from exports.streams.pump import whole
from exports.streams.response import ChunkResponse
from themis_admin.accounts import audit
from themis_admin.web.api import PAGING, ThemisView
from themis_admin.web.serving import outlet_of
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

OBJECT = OpenApiTypes.OBJECT
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class StreamView(ThemisView):
    """POST: the samples of a plan as chunked JSON lines, as fast as the client reads them."""

    scopes = {"POST": "export"}
    parameters = ()
    attachment = False

    @extend_schema(request=OBJECT, responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    def post(self, request: Request) -> HttpResponseBase:
        """Everything that can be refused is refused before the first byte; a dry run answers the plan instead."""
        body = parse_body(request.data)
        consumer = Consumer.of(request)
        if body.dry_run:
            counted = consumer.counting(dry_run=True)
            return Response(describe(opening.open_request(body, consumer.user, consumer=counted)))
        opened = opening.open_request(body, consumer.user, consumer=consumer)
        response = _stream(request, opened, body, consumer)
        if self.attachment:
            response["Content-Disposition"] = _attachment(response["X-Themis-Export"], opened.title)
        if not connection.in_atomic_block:
            # A stream may take hours and needs the database seldom.
            connection.close()
        return response


class DownloadView(StreamView):
    """POST: the same, as a file to be saved."""

    attachment = True


class StatusView(ThemisView):
    """How far a stream is."""

    scopes = {"GET": "export"}
    parameters = ()

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, export_id: str) -> Response:
        streams = Stream.objects.visible_to(request.user).select_related("owner")
        return Response(get_object_or_404(streams, export_id=export_id).to_dict())


class StreamsView(ThemisView):
    """The streams that one has asked for, the newest first."""

    scopes = {"GET": "export"}
    parameters = ("status", *PAGING)

    @extend_schema(
        operation_id="export_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("status", enum=[str(state) for state in StreamState])],
    )
    def get(self, request: Request) -> Response:
        streams = Stream.objects.visible_to(request.user).select_related("owner")
        if status := request.query_params.get("status"):
            streams = _with_status(streams, status)
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(streams, request, view=self)
        return paginator.get_paginated_response([stream.to_dict() for stream in page or []])


def _with_status(streams: StreamQuerySet, status: str) -> StreamQuerySet:
    if status not in StreamState.values:
        raise MalformedError.at(
            "status",
            "There is no status {status!r}{hint}.",
            status=status,
            hint=nearest(status, StreamState.values),
        )
    if status == StreamState.IN_PROGRESS:
        return streams.open()
    found = streams.filter(state=status)
    # Those whose server has gone say that they failed before somebody writes it down.
    return found | streams.lost() if status == StreamState.FAILED else found


def _stream(
    request: Request, opened: opening.OpenedDelivery, body: StreamBody, consumer: Consumer
) -> ChunkResponse:
    delivery, plan = opened.delivery, opened.delivery.plan
    encoding = negotiate(request.headers.get("Accept-Encoding", ""))
    encoder, outlet = open_encoder(encoding), outlet_of(request._request)
    if plan.continuous:
        continuation = continuous.Continuation(plan, opened.version, delivery)
        # Before the first byte: a start beyond the end is refused
        # with an error, and not by a stream that breaks off.
        continuation.reach(opened.start)
        share = continuous.RankShare(opened.start, body.rank, body.world_size, body.limit)
        chunks = continuous.follow(
            continuation, share, consumer, batch_size=body.batch_size, encoder=encoder, outlet=outlet
        )
        num_samples = body.limit
    else:
        chunks = whole(partial(opened.chunks, batch_size=body.batch_size), encoder=encoder, outlet=outlet)
        num_samples = len(opened.window)
    # After all that may be refused, so that a refused request holds no place among the streams.
    row = open_stream(
        consumer, title=opened.title, plan=plan.digest, start=opened.start, num_samples=num_samples
    )
    detail = {
        "plan": plan.digest,
        "start": opened.start,
        "num_samples": num_samples,
        "export": row.export_id,
    }
    audit.record(user=consumer.user, action="export.stream", object=opened.title, detail=detail)
    response = ChunkResponse(OpenStream(row, outlet), chunks, content_type="application/x-ndjson")
    _describe(response, opened, body, num_samples)
    response["X-Themis-Export"] = row.export_id
    response["Vary"] = "Accept-Encoding, Authorization, Cookie"
    if encoding:
        response["Content-Encoding"] = encoding
    return response


def _describe(
    response: ChunkResponse, opened: opening.OpenedDelivery, body: StreamBody, num_samples: int | None
) -> None:
    delivery = opened.delivery
    response["X-Themis-Plan"] = delivery.plan.digest
    response["X-Themis-Version"] = delivery.plan.version
    response["X-Themis-Cursor"] = str(opened.cursor)
    if num_samples is not None:
        response["X-Themis-Num-Samples"] = str(num_samples)
    if body.world_size > 1 and not delivery.plan.continuous:
        response["X-Themis-Num-Padded"] = str(opened.num_padded)
    invalid = [kept.counts["invalid"] for kept in delivery.selections if "invalid" in kept.counts]
    if invalid:
        response["X-Themis-Num-Invalid"] = str(sum(invalid))
    response["Cache-Control"] = "no-store"
    # nginx would otherwise gather the lines in its buffers, and a client would see nothing of a slow stream.
    response["X-Accel-Buffering"] = "no"


def _attachment(export_id: str, title: str) -> str:
    """`export_exp_<16 hex>_<theme>.jsonl`, with the theme's own letters for clients that can read them (RFC 6266)."""
    theme = title.split(" · ", 1)[-1]
    plain = UNSAFE.sub("_", theme).strip("_")[:80] or "samples"
    named = quote(f"export_{export_id}_{theme}.jsonl", safe="")
    return f"attachment; filename=\"export_{export_id}_{plain}.jsonl\"; filename*=UTF-8''{named}"
