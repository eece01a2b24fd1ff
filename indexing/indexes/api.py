"""REST: indexes, samples by their number, and an index with its samples as one download."""

from typing import Any

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from indexing.indexes import blocks, reading, services
from indexing.indexes.serializers import TOKEN_FIELDS, IndexBody
from indexing.models import TOKENS, Index, Tokenizer
from themis_admin.accounts import audit
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Theme, Version
from themis_admin.jobs.api import in_state
from themis_admin.jobs.models import Job
from themis_admin.web.api import PAGING
from themis_admin.web.downloads import AssembledBytes
from themisdb_datasets.errors import MalformedError, NotFoundError

OBJECT = OpenApiTypes.OBJECT
FILTERS = ("dataset", "version", "theme")


class IndexesApi(DatasetsApi):
    """What the views of indexes share."""

    def index(self, pk: int) -> Index:
        found: Index = get_object_or_404(Index.objects.visible_to(self.user).for_lists(), pk=pk)
        return found


class IndexesView(IndexesApi):
    """The indexes one may see, and new ones."""

    parameters = (*FILTERS, "kind", "state", "ordering", *PAGING)

    @extend_schema(
        operation_id="indexes_list",
        responses=OBJECT,
        parameters=[*(OpenApiParameter(name, int) for name in FILTERS), OpenApiParameter("kind")],
    )
    def get(self, request: Request) -> Response:
        """The newest first."""
        rows, asked = Index.objects.visible_to(self.user).for_lists(), request.query_params
        for name in FILTERS:
            if value := asked.get(name):
                rows = rows.filter(**{name: self.number(value, name)})
        if kind := asked.get("kind"):
            rows = rows.filter(kind=kind)
        rows = in_state(rows, request)
        return self.paginated(rows, ordering=("-created_at", "created_at", "-num_bytes", "num_samples"))

    @extend_schema(request=IndexBody, responses={202: OBJECT})
    def post(self, request: Request) -> Response:
        """Build an index of a version, of what a theme keeps of it, or of an export's file."""
        body = self.body(IndexBody)
        job = self.once({"body": request.data}, lambda: self._start(body))
        index = Index.objects.for_lists().filter(pk=job.params["index"]).first()
        answer = {"job": job.to_dict(), "index": index.to_dict() if index is not None else None}
        return Response(answer, status=202, headers={"Location": job.url})

    def _start(self, body: dict[str, Any]) -> Job:
        if "artifact" in body:
            refs = ArtifactRef.objects.visible_to(self.user).select_related("artifact", "owner")
            ref = refs.filter(artifact=body["artifact"]).order_by("pk").first()
            if ref is None:
                raise NotFoundError.at("artifact", "There is no such artifact.")
            return services.start_file_index(ref, user=self.user, kind=body["kind"])
        versions = Version.objects.visible_to(self.user).select_related("dataset__owner")
        version = versions.filter(pk=body["version"]).first()
        if version is None:
            raise NotFoundError.at("version", "There is no such version.")
        theme = None
        if body.get("theme") is not None:
            theme = self.named_or_numbered(
                Theme.objects.all(), version.dataset_id, body["theme"], field="theme", noun="theme"
            )
        if body["kind"] == TOKENS:
            return self._start_tokens(version, theme, body)
        return services.start_index(version, user=self.user, kind=body["kind"], theme=theme)

    def _start_tokens(self, version: Version, theme: Theme | None, body: dict[str, Any]) -> Job:
        tokenizer = Tokenizer.objects.visible_to(self.user).filter(pk=body["tokenizer"]).first()
        if tokenizer is None:
            raise NotFoundError.at("tokenizer", "There is no such tokenizer; they are listed at tokenizers/.")
        given = {name: body[name] for name in TOKEN_FIELDS if name in body}
        return services.start_token_index(
            version, services.Wanted(tokenizer, **given), user=self.user, theme=theme
        )


class IndexView(IndexesApi):
    """One index."""

    @extend_schema(operation_id="indexes_retrieve", responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The index with its manifest."""
        index = self.index(pk)
        return Response({**index.to_dict(), "manifest": index.manifest})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Remove it; the samples stay."""
        services.remove_index(self.index(pk), user=self.user)
        return Response(status=204)


class IndexSampleView(IndexesApi):
    """One sample by its number in the index; negative ones count from the end."""

    @extend_schema(operation_id="indexes_sample", responses=OBJECT)
    def get(self, request: Request, pk: int, number: str) -> HttpResponseBase:
        """The sample as it is spelled."""
        _, (found,) = reading.samples_of(
            self.index(pk), lambda count: [reading.asked_number(number, count=count)]
        )
        return HttpResponse(b'{"number":%d,"sample":%b}' % found, content_type="application/json")


class IndexSamplesView(IndexesApi):
    """Samples by their numbers in the index, in the order asked for."""

    parameters = ("ids",)

    @extend_schema(
        operation_id="indexes_samples",
        responses=OBJECT,
        parameters=[
            OpenApiParameter("ids", description="numbers and ranges, as in 1,5,-1,10:20", required=True)
        ],
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """At most 1,000 samples and 8 MiB."""
        asked = request.query_params.get("ids", "")
        count, found = reading.samples_of(
            self.index(pk), lambda count: reading.asked_numbers(asked, count=count)
        )
        results = b",".join(b'{"number":%d,"sample":%b}' % each for each in found)
        body = b'{"num_samples":%d,"results":[%b]}' % (count, results)
        return HttpResponse(body, content_type="application/json")


class IndexDownloadView(IndexesApi):
    """An index with its samples as one tar file."""

    @extend_schema(
        operation_id="indexes_download",
        responses={(200, "application/x-tar"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """All of it or a range, with its ETag and its SHA-256 in `Digest`."""
        index = self.index(pk)
        folder = reading.folder_of(index, reading.kept_paths(index))
        name = slugify(f"{index.title} {index.kind} {index.pk}") or "index"
        file = AssembledBytes(f"{name}.tar", folder.content_type, index.sha256, folder.size, folder.read)
        part = file.requested_range(request._request)
        if request.method == "GET" and part.status in (200, 206):
            detail = {"file": file.name, "start": part.start, "num_bytes": part.num_bytes}
            audit.record(user=self.user, action="index.downloaded", object=index.url, detail=detail)
        return file.respond(request._request, part)


class IndexBlocksView(IndexesApi):
    """The tokens of a token index, raw: numpy.frombuffer reads them as X-Themis-Dtype in X-Themis-Shape."""

    parameters = blocks.BlocksRequest.__struct_fields__

    @extend_schema(
        operation_id="indexes_blocks",
        parameters=[
            OpenApiParameter("order", enum=("stored", "shuffled")),
            *(OpenApiParameter(name, int) for name in ("seed", "epoch", "rank", "world_size")),
        ],
        responses={(200, blocks.OCTETS): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """All of it or a range of bytes, with its ETag; the order is a function of seed and epoch alone."""
        index = self.index(pk)
        # A query has texts only; numbers are read here, so that the check below can be strict about kinds.
        given = {name: self._value(name, text) for name, text in request.query_params.dict().items()}
        try:
            asked = msgspec.convert(given, blocks.BlocksRequest)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$.")
            name = path.rstrip("`") or "order"
            raise MalformedError(f"{name}: {what}.", fields={name: f"{what}."}) from None
        if asked.rank >= asked.world_size:
            raise MalformedError.at(
                "rank",
                "Ranks are counted from 0; with a world_size of {world_size} there is no {rank}.",
                world_size=asked.world_size,
                rank=asked.rank,
            )
        file = blocks.blocks_of(index, asked)
        part = file.requested_range(request._request)
        if request.method == "GET" and part.status in (200, 206):
            detail = {"file": file.name, "start": part.start, "num_bytes": part.num_bytes, **given}
            audit.record(user=self.user, action="index.downloaded", object=index.url, detail=detail)
        return file.respond(request._request, part)

    def _value(self, name: str, text: str) -> int | str:
        return text if name == "order" else self.number(text, name)
