"""REST: which old versions of a dataset go, why the others stay, and the job that removes them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.retention import services
from themis_admin.datasets.retention.services import Policy
from themis_admin.web.bodies import Body, PageQuery
from themisdb_datasets.errors import ImpossibleError

OBJECT = OpenApiTypes.OBJECT


class RetentionBody(Body):
    keep_last = serializers.IntegerField(required=False, allow_null=True, help_text="the newest so many stay")
    older_than_days = serializers.IntegerField(required=False, allow_null=True, help_text="younger ones stay")


class RetentionQuery(PageQuery):
    keep_last = serializers.IntegerField(required=False, help_text="the newest so many stay")
    older_than_days = serializers.IntegerField(required=False, help_text="younger ones stay")
    removed = serializers.BooleanField(required=False, allow_null=True, default=None)


class RetentionView(DatasetsApi):
    """GET is a dry run, POST starts the job, PUT makes it the dataset's own, every day; DELETE ends that."""

    parameters = ("keep_last", "older_than_days", "removed", "offset", "length")

    @extend_schema(parameters=[RetentionQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        dataset, query = self.dataset(pk), self.query(RetentionQuery)
        policy = self._policy(dataset, query)
        fates = services.plan(dataset, policy)
        going = [fate.version for fate in fates if fate.goes]
        shown = [fate for fate in fates if query["removed"] in (None, fate.goes)]
        offset, stop = query["offset"], query["offset"] + query["length"]
        return Response(
            {
                "policy": policy.to_dict(),
                "num_removed": len(going),
                "num_kept": len(fates) - len(going),
                "freed_bytes": services.freed_bytes(going),
                **self.links(offset, query["length"], stop if stop < len(shown) else None),
                "results": [fate.to_dict() for fate in shown[offset:stop]],
            }
        )

    @extend_schema(request=RetentionBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        dataset, body = self.dataset(pk), self.body(RetentionBody)
        policy = Policy.parse(body) if body else None
        job = self.once(body, lambda: services.start(dataset, user=self.user, policy=policy))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})

    @extend_schema(request=RetentionBody, responses=OBJECT)
    def put(self, request: Request, pk: int) -> Response:
        policy = Policy.parse(self.body(RetentionBody))
        return Response(services.set_policy(self.dataset(pk), policy, user=self.user).to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.set_policy(self.dataset(pk), None, user=self.user)
        return Response(status=204)

    def _policy(self, dataset: Dataset, query: dict[str, Any]) -> Policy:
        given = {name: query[name] for name in ("keep_last", "older_than_days") if name in query}
        policy = Policy.parse(given) if given else Policy.of(dataset)
        if policy is None:
            raise ImpossibleError.at(
                "keep_last",
                "The dataset has no retention of its own; ask with keep_last, older_than_days, or both.",
                code="no_retention",
            )
        return policy
