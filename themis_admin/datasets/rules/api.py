"""REST: weighting rules, what they would give, and one sample's weight explained."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Dataset, Version, WeightingRule
from themis_admin.datasets.rules import comparisons, services
from themis_admin.datasets.rules.serializers import CompareBody, ExplainBody
from themis_admin.web.api import OBJECT, ORDERING, PAGING
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.errors import ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.names import nearest

OWN = ("name", "description")  # of the object; everything else in a body is the rule's definition


class RulesApi(DatasetsApi):
    """What the views of rules share."""

    def rule(self, pk: int) -> WeightingRule:
        found = WeightingRule.objects.visible_to(self.user).select_related("dataset__latest", "created_by")
        return get_object_or_404(found, pk=pk)

    def named(self, dataset: Dataset, names: list[str], place: str) -> list[WeightingRule]:
        """The dataset's rules of these names in any case."""
        known = {rule.name.casefold(): rule for rule in dataset.weighting_rules.all()} if names else {}
        found = []
        for number, name in enumerate(names):
            rule = known.get(name.casefold())
            if rule is None:
                there = [each.name for each in known.values()]
                raise MalformedError.at(
                    f"{place}[{number}]",
                    "There is no weighting rule {name!r}{hint}.",
                    name=name,
                    hint=nearest(name, there),
                )
            found.append(rule)
        return found

    def version_of(self, dataset: Dataset, pk: int | None) -> Version:
        """A version of the dataset; without a number the latest."""
        version = dataset.latest if pk is None else dataset.versions.filter(pk=pk).first()
        if version is None:
            raise NotFoundError.at("version", "The dataset has no such version.")
        return version

    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The body's name and description, and its definition."""
        if not isinstance(self.request.data, dict):
            raise MalformedError(
                'The body is an object such as {"name": "Fresh", "kind": "freshness", "field": "at"}.'
            )
        body = dict(self.request.data)
        return {name: body.pop(name) for name in OWN if name in body}, body


class WeightingRulesView(RulesApi):
    """All rules one may see."""

    parameters = ("dataset", "name", "ordering", *PAGING)

    @extend_schema(
        operation_id="weighting_rules_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("dataset", int), OpenApiParameter("name"), ORDERING],
    )
    def get(self, request: Request) -> Response:
        found = WeightingRule.objects.visible_to(request.user).select_related("created_by")
        if dataset := request.query_params.get("dataset"):
            found = found.filter(dataset=self.number(dataset, "dataset"))
        if name := request.query_params.get("name"):
            found = found.filter(name__icontains=name)
        return self.paginated(found, ordering=("name", "created_at", "updated_at"))


class DatasetRulesView(RulesApi):
    """A dataset's rules, and new ones."""

    parameters = ("ordering", *PAGING)

    @extend_schema(operation_id="datasets_weighting_rules_list", responses=OBJECT, parameters=[ORDERING])
    def get(self, request: Request, pk: int) -> Response:
        found = self.dataset(pk).weighting_rules.select_related("created_by")
        return self.paginated(found, ordering=("name", "created_at", "updated_at"))

    @extend_schema(request=OBJECT, responses={201: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        own, definition = self.parts()
        if "name" not in own:
            raise MalformedError.at("name", "Give the rule a name.")
        rule = services.create_rule(dataset, user=self.user, definition=definition, **own)
        return Response(rule.to_dict(), status=201, headers={"Location": rule.url})


class RulePreviewView(RulesApi):
    """The factors that a rule in the making gives to the latest version; reading is enough for it."""

    scopes = {"POST": "read"}

    @extend_schema(request=OBJECT, responses=OBJECT)
    def post(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        _, definition = self.parts()
        where = definition.pop("where", None)
        return Response(services.spread_document(services.preview(dataset, definition, where)))


class RulesExplainView(RulesApi):
    """The weight that some of a dataset's rules together give to one sample."""

    scopes = {"POST": "read"}

    @extend_schema(request=ExplainBody, responses=OBJECT)
    def post(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        body = self.body(ExplainBody)
        version = self.version_of(dataset, body.get("version"))
        chosen = {
            rule.name: parse_rule(rule.definition) for rule in self.named(dataset, body["rules"], "rules")
        }
        return Response(_explained(version, body["position"], chosen))


class RulesCompareView(RulesApi):
    """Two weightings side by side."""

    scopes = {"POST": "read"}

    @extend_schema(request=CompareBody, responses=OBJECT)
    def post(self, request: Request, pk: int) -> Response:
        """How both spread their weights over a version, or a theme of it, and which samples gain and lose by the second."""
        dataset = self.dataset(pk)
        body = self.body(CompareBody)
        version = self.version_of(dataset, body.get("version"))
        theme = self.theme_of(version, body["theme"]) if "theme" in body else None
        a, b = (self.named(dataset, body[side], side) for side in ("a", "b"))
        found = comparisons.compare_rules(version, a, b, theme=theme, length=body["length"])
        return Response(comparisons.to_document(found, version, theme))


class WeightingRuleView(RulesApi):
    """One rule."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.rule(pk).to_dict())

    @extend_schema(request=OBJECT, responses=OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        """Change some of it; with a `kind`, the definition is written anew."""
        rule = self.rule(pk)
        own, definition = self.parts()
        if definition:
            # Kinds have different fields, so one rule's cannot be merged into another kind's.
            own["definition"] = definition if "kind" in definition else {**rule.definition, **definition}
        return Response(services.update_rule(rule, user=self.user, **own).to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_rule(self.rule(pk), user=self.user)
        return Response(status=204)


class RuleExplainView(RulesApi):
    """The factor that one rule gives to one sample of the latest version."""

    parameters = ("position",)

    @extend_schema(responses=OBJECT, parameters=[OpenApiParameter("position", int)])
    def get(self, request: Request, pk: int) -> Response:
        rule = self.rule(pk)
        position = self.number(request.query_params.get("position", "0"), "position")
        version = rule.dataset.latest
        if version is None:
            raise ImpossibleError("The dataset has no version yet; upload samples first.", code="no_version")
        return Response(_explained(version, position, {rule.name: parse_rule(rule.definition)}))


def _explained(version: Version, position: int, chosen: dict[str, Any]) -> dict[str, Any]:
    found = services.explain_sample(version, position, chosen)
    return {"version": version.pk, "position": position, "weight": found.weight, "factors": found.factors}
