"""REST: feedback of training runs, the difficulty of samples by it, and weightings that are made of that."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from exports.feedback import services
from exports.feedback.frames import Teller, read_frame
from exports.models import FeedbackRun
from exports.requests.subject import find_dataset
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.storage import stores
from themis_admin.web.api import PAGING
from themis_admin.web.bodies import Body
from themisdb_datasets.engine.weights.difficulty import Adaption, extremes
from themisdb_datasets.errors import ConflictError, MalformedError

OBJECT = OpenApiTypes.OBJECT
WHO = ("run", "sender", "dataset")
MAX_SHOWN = 100


class WeightingBody(Body):
    name = serializers.CharField(max_length=200)
    strength = serializers.FloatField(required=False, default=Adaption.strength)
    least = serializers.FloatField(required=False, default=Adaption.least)
    most = serializers.FloatField(required=False, default=Adaption.most)
    missing = serializers.FloatField(required=False, default=1.0)


class ShownQuery(serializers.Serializer[dict[str, Any]]):
    hardest = serializers.BooleanField(required=False, default=True)
    length = serializers.IntegerField(required=False, default=20, min_value=0, max_value=MAX_SHOWN)


class FeedbackApi(DatasetsApi):
    """What the views of feedback share."""

    def run(self, pk: int) -> FeedbackRun:
        return get_object_or_404(FeedbackRun.objects.visible_to(self.user).for_lists(), pk=pk)


class FeedbackView(FeedbackApi):
    """The runs that have told something, and what one tells."""

    scopes = {"POST": "export"}
    parameters = ("dataset", "name", "ordering", *PAGING)

    @extend_schema(
        operation_id="feedback_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("dataset", int), OpenApiParameter("name")],
    )
    def get(self, request: Request) -> Response:
        """The newest first."""
        rows, asked = FeedbackRun.objects.visible_to(self.user).for_lists(), request.query_params
        if dataset := asked.get("dataset"):
            rows = rows.filter(dataset=self.number(dataset, "dataset"))
        if name := asked.get("name"):
            rows = rows.filter(name__icontains=name)
        return self.paginated(rows, ordering=("-created_at", "created_at", "name", "-updated_at"))

    @extend_schema(request=OBJECT, responses=OBJECT)
    def post(self, request: Request) -> Response:
        """Losses of lines or samples, as a frame of `/ws/feedback` has them, with `run`, `sender` and `dataset`."""
        if not isinstance(request.data, dict):
            raise MalformedError(
                'The body is an object such as {"run": "lora-7", "items": [{"cursor", "loss"}]}.'
            )
        body = dict(request.data)
        run, sender, dataset = (body.pop(name, None) for name in WHO)
        for name, value in (("run", run), ("sender", sender)):
            if value is not None and not isinstance(value, str):
                raise MalformedError(f"{name}: it is a text.", fields={name: "This is a text."})
        if isinstance(dataset, bool) or not isinstance(dataset, str | int | None):
            raise MalformedError(
                "dataset: it is a name or an id.", fields={"dataset": "This is a name or an id."}
            )
        frame = read_frame(body)
        teller = Teller(
            self.user,
            run=run or "default",
            sender=sender or uuid.uuid4().hex,
            dataset=find_dataset(dataset, self.user) if dataset is not None else None,
        )
        answer = teller.tell(frame)
        return Response({**teller.greeting(), **answer})


class FeedbackRunView(FeedbackApi):
    """One run."""

    @extend_schema(operation_id="feedback_retrieve", responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.run(pk).to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Remove it with all it told; weightings that were made of it stay."""
        services.remove_run(self.run(pk), user=self.user)
        return Response(status=204)


class DifficultyView(FeedbackApi):
    """The difficulty of the samples that a run has told of."""

    parameters = ("hardest", "length")

    @extend_schema(operation_id="feedback_difficulty", responses=OBJECT, parameters=[ShownQuery])
    def get(self, request: Request, pk: int) -> Response:
        """Counts and a histogram, and of the dataset's latest version the hardest samples, or the easiest."""
        run, query = self.run(pk), self.query(ShownQuery)
        path = run.difficulty_path()
        if path is None:
            message = "The difficulties of this run are not computed yet; post to this address."
            raise ConflictError(message, code="not_folded")
        version = run.dataset.latest
        shown: list[dict[str, Any]] = []
        if version is not None and query["length"]:
            found = extremes(path, version.open(), **query, limits=stores.limits())
            shown = [
                {**each._asdict(), "sample": version.url + f"samples/{each.position}/"} for each in found
            ]
        return Response(
            {**run.to_dict(), "version": None if version is None else version.pk, "results": shown}
        )

    @extend_schema(request=None, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Compute them of all it has told so far."""
        run = self.run(pk)
        job = self.once({"run": pk}, lambda: services.start_fold(run, user=self.user))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})


class RunWeightingView(FeedbackApi):
    """Weightings of a run."""

    @extend_schema(request=WeightingBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Make a rule of kind `adaptive` of what the run has told so far; its factors never change."""
        run, body = self.run(pk), self.body(WeightingBody)
        adaption = Adaption(body["strength"], body["least"], body["most"])

        def start() -> Any:
            return services.start_weighting(
                run, user=self.user, name=body["name"], adaption=adaption, missing=body["missing"]
            )

        job = self.once({"run": pk, "body": request.data}, start)
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})
