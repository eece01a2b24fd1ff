"""Looking into a version from the console: pages of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from themis_admin.datasets.models import Version
from themis_admin.datasets.samples import services
from themis_admin.web.windows import Cut
from themisdb_datasets.engine.query.filters import parse_filter


@dataclass(eq=False)
class Window(Cut[int]):
    """The samples of a version that a filter and a search keep, as a sequence that Django's paginator can cut."""

    version: Version
    where: dict[str, Any] | None = None
    search: str = ""
    order_by: str = ""
    page_size: int = 25

    @cached_property
    def positions(self) -> Sequence[int]:
        """All of them, by page: a range, or a file that is mapped."""
        where = parse_filter(self.where) if self.where is not None else None
        return cast(
            "Sequence[int]",
            services.positions(
                self.version, self.version.open(), where=where, search=self.search, order_by=self.order_by
            ),
        )

    def between(self, start: int, stop: int) -> list[int]:
        return [int(position) for position in self.positions[start:stop]]

    def __len__(self) -> int:
        return len(self.positions)


def count_matches(version: Version, where: dict[str, Any]) -> int:
    """How many of the version's samples a filter keeps."""
    return len(Window(version, where))
