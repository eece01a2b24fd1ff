"""Rows of a Parquet file as Python's values, those too that Python has no type for."""

import re
from typing import Any

import pyarrow as pa

from themisdb_datasets.errors import MalformedError

# What PyArrow raises for a value that no Python type holds; for an unknown time zone, before 26, zoneinfo's KeyError.
NO_PYTHON_VALUE = (ValueError, OverflowError, KeyError)
_ZONE = re.compile(r"([+-]\d\d)(\d\d)$")


def check_names(schema: pa.Schema, *, name: str) -> None:
    """MalformedError where a name is there twice in one object, for it could keep but one of the values."""
    _check(list(schema), "", name)


def rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows as objects. Nanoseconds become ISO 8601 with nine digits; a point in time beyond the year 9999 the number
    that the file has; bytes of a text that are no UTF-8 stay in it as halves of surrogates."""
    try:
        found: list[dict[str, Any]] = batch.to_pylist()
        return found
    except NO_PYTHON_VALUE:  # of one value in it, seldom enough to look at each
        return [_row(batch, number) for number in range(len(batch))]


def _row(batch: pa.RecordBatch, number: int) -> dict[str, Any]:
    columns = zip(batch.schema.names, batch.columns, strict=True)
    return {name: _value(column[number]) for name, column in columns}


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except NO_PYTHON_VALUE:
        pass
    kind = scalar.type
    if isinstance(scalar, pa.DictionaryScalar | pa.ExtensionScalar):
        return _value(scalar.value)
    if isinstance(scalar, pa.MapScalar):
        return [[_value(pair["key"]), _value(pair["value"])] for pair in scalar.values]
    if isinstance(scalar, pa.StructScalar):
        return {field.name: _value(scalar[field.name]) for field in kind}
    if isinstance(scalar, pa.ListScalar):
        return [_value(each) for each in scalar.values]
    if isinstance(scalar, pa.StringScalar):
        return scalar.as_buffer().to_pybytes().decode(errors="surrogateescape")
    return _moment(scalar)


def _moment(scalar: Any) -> str | int:
    kind = scalar.type
    if pa.types.is_timestamp(kind) and kind.tz:
        scalar = scalar.cast(pa.timestamp(kind.unit, "UTC"))  # the zone may be one that nobody knows
    text = scalar.cast(pa.string()).as_py()
    if text[:1] == "<" or pa.types.is_duration(kind):  # Arrow says that it is out of range
        return int(scalar.value)
    return _ZONE.sub(r"\1:\2", text.replace(" ", "T"))


def _check(fields: list[pa.Field], place: str, name: str) -> None:
    names = [field.name for field in fields]
    for field in fields:
        if names.count(field.name) > 1:
            raise MalformedError(
                f"{name} has the column {place + field.name!r} twice; give every column its name.",
                code="corrupt_parquet",
            )
        kind = field.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            _check(list(kind), f"{place}{field.name}.", name)
