"""The fields that a request names: those that the version lacks are refused, with the nearest there is."""

from themisdb_datasets.engine.versions.version import VersionField
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.names import nearest


def refuse_absent(place: str, absent: list[str], fields: dict[str, VersionField]) -> None:
    """ImpossibleError that names the first of `absent` and the parameter at `place` that asked for it."""
    if not absent:
        return
    raise ImpossibleError.at(
        place,
        "The version has no field {name!r}{hint}; set {place}. There are {known}.",
        code="unknown_field",
        name=absent[0],
        hint=nearest(absent[0], fields),
        place=place,
        known=", ".join(list(fields)[:30]),
    )
