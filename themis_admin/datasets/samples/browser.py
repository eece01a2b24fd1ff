"""The sample browser on the pages of a version and a theme: search, one condition, an order, and pages."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.samples import cards, windows
from themis_admin.datasets.samples.operators import OPS
from themisdb_datasets.errors import ThemisError

BROWSED_OPS = [
    ("contains", OPS["contains"]),
    *(each for each in OPS.items() if each[0] != "contains"),
    ("exists", "exists"),
]
NUMBERS = {"integer", "number"}
SIZES = (25, 50, 100)


@dataclass(frozen=True)
class Browser:
    """What the query parameters of a page ask for, within a theme where there is one."""

    version: Version
    theme: Theme | None
    search: str
    order: str
    chosen: dict[str, str]
    page: str | None
    size: int

    @classmethod
    def of(cls, request: HttpRequest, version: Version, theme: Theme | None = None) -> "Browser":
        """Read from the request; what is odd there counts as not given."""
        chosen = {name: request.GET.get(name, "") for name in ("field", "op", "value")}
        size = next((size for size in SIZES if request.GET.get("size") == str(size)), SIZES[0])
        search, order = request.GET.get("q", "").strip(), request.GET.get("order", "")
        return cls(version, theme, search, order, chosen, request.GET.get("page"), size)

    @property
    def where(self) -> dict[str, Any] | None:
        """The theme's filter and the chosen condition as one."""
        filters = [self.theme.where] if self.theme is not None else []
        if (condition := chosen_filter(self.version, self.chosen)) is not None:
            filters.append(condition)
        return {"all": filters} if len(filters) > 1 else next(iter(filters), None)

    def context(self) -> dict[str, Any]:
        """What the template needs."""
        version = self.version
        context: dict[str, Any] = {
            "browsed": version,
            "browsed_theme": self.theme,
            "ops": BROWSED_OPS,
            "sizes": SIZES,
            "size": self.size,
            "chosen": self.chosen,
            "search": self.search,
            "order": self.order,
            "filtered": bool(self.search or chosen_filter(version, self.chosen)),
        }
        window = windows.Window(version, self.where, self.search, self.order)
        try:
            page = Paginator(window, self.size).get_page(self.page)
            layout = cards.CardLayout.of(version.dataset, version)
            found = cards.cards(version.open(), layout, page.object_list, search=self.search)
        except ThemisError as error:
            return {**context, "cards": [], "error": str(error)}
        return {**context, "page": page, "cards": found}


def chosen_filter(row: Version, chosen: dict[str, str]) -> dict[str, Any] | None:
    """The one condition of the sample browser as a filter; None while it is incomplete."""
    name, op, value = chosen["field"], chosen["op"] or "contains", chosen["value"]
    types = next((set(field["types"]) for field in row.fields if field["name"] == name), None)
    if types is None:
        return None
    if op == "exists":
        return {"field": name, "op": "exists", "value": value.strip().lower() not in ("false", "no", "0")}
    return {"field": name, "op": op, "value": typed_value(value, types)} if value else None


def typed_value(text: str, types: set[str]) -> str | int | float | bool:
    """A typed-in value as the field's own type, where it reads as one."""
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if types & NUMBERS and not types - NUMBERS - {"null"}:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text
