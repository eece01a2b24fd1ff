"""What bodies and queries of requests share: unknown names are refused, and pages."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from themisdb_datasets.names import nearest


class Body(serializers.Serializer[dict[str, Any]]):
    """A body whose unknown fields are errors, named with the nearest known one."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            known = list(self.fields)
            unknown = {
                name: [f"There is no field {name!r}{nearest(name, known)}."]
                for name in data
                if name not in known
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return dict(super().to_internal_value(data))


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 200}]})
class IdOrName(serializers.Field[int | str, Any, Any, Any]):
    """What belongs to a dataset: by its id, or by its name there."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, str) and 0 < len(data.strip()) <= 200:
            return data.strip()
        if isinstance(data, int) and not isinstance(data, bool) and 0 < data < 2**62:
            return data
        raise serializers.ValidationError("Its id or its name is wanted.")

    def to_representation(self, value: Any) -> Any:
        return value


class PageQuery(serializers.Serializer[dict[str, Any]]):
    offset = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    length = serializers.IntegerField(min_value=1, max_value=100, default=100)
