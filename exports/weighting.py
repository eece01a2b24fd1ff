"""From a request to its weighting: the factors, with their defaults written out."""

from exports.body import StreamBody, parse_instant
from exports.fields import refuse_absent
from themis_admin.datasets.models import Version
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.formats import Format
from themisdb_datasets.version import VersionField
from themisdb_datasets.weights import Explicit, Freshness, Length, Weighting


def build_weighting(
    body: StreamBody, version: Version, form: Format, fields: dict[str, VersionField]
) -> Weighting:
    """The weighting of the lines, or of the draws in weighted order; none where neither shows it."""
    options = body.weighting
    if options.enable_weights is False or not (form.weight or body.order == "weighted"):
        return Weighting()
    freshness = None
    if options.auto_weight_by_freshness:
        name = options.timestamp_field or version.dataset.timestamp_field
        if not name:
            message = (
                "Freshness needs a timestamp: set the dataset's timestamp_field or weighting.timestamp_field."
            )
            raise ImpossibleError(
                message, code="no_timestamp_field", fields={"weighting.timestamp_field": message}
            )
        refuse_absent("weighting.timestamp_field", [name] if name not in fields else [], fields)
        as_of = version.created_at.timestamp()
        if options.as_of is not None:
            as_of = parse_instant(options.as_of, "weighting.as_of")[0]
        freshness = Freshness(name, options.freshness_half_life_days, as_of)
    return Weighting(
        explicit=Explicit(options.weight_field, options.default_weight),
        length=Length(form.output) if options.auto_weight_by_length and form.output else None,
        freshness=freshness,
    )
