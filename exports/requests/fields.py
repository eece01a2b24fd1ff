"""The fields that a request names: those that the version lacks are refused, with the nearest there is."""

from themisdb_datasets.engine.versions.version import VersionField
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.names import nearest


def refuse_absent(place: str, absent: list[str], fields: dict[str, VersionField]) -> None:
    """ImpossibleError that names the first of `absent` and the parameter at `place` that asked for it."""
    if not absent:
        return
    message = (
        f"The version has no field {absent[0]!r}{nearest(absent[0], fields)}; set {place}."
        f" There are {', '.join(list(fields)[:30])}."
    )
    raise ImpossibleError(message, code="unknown_field", fields={place: message})
