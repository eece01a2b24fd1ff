"""Looking into a version: pages of samples, one sample, and what a filter would keep."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from themis_admin.datasets.cleaning import known_fields
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.storage.stores import kept_files, limits
from themisdb_datasets.engine.query.filters import Condition, Filter, Free, Group, Not, parse_filter
from themisdb_datasets.engine.selections import selection
from themisdb_datasets.engine.versions import browse
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ImpossibleError, MalformedError, NotFoundError

MAX_LENGTH = 100
# A page ends early rather than being larger than this; samples may have megabytes each.
MAX_PAGE_BYTES = 8 * 1024 * 1024
PREVIEWED = 10


@dataclass(frozen=True)
class Page:
    """Samples by position, each as its own line, how many there are, and where the next page begins."""

    lines: list[tuple[int, bytes]]
    num_samples: int
    next_offset: int | None

    def results(self) -> bytes:
        """A JSON list of {"position", "sample"}, each sample spelled as it came in."""
        return b"[" + b",".join(b'{"position":%d,"sample":%b}' % each for each in self.lines) + b"]"


def page(
    version: Version,
    *,
    where: Any = None,
    theme: Theme | None = None,
    search: str = "",
    order_by: str = "",
    offset: int = 0,
    length: int = MAX_LENGTH,
) -> Page:
    """A page of the samples that a theme, a filter and a search keep; `order_by` is a field, `-field` descending."""
    filters = [parse_filter(theme.where)] if theme is not None else []
    if where is not None:
        filters.append(parse_filter(where, fields=known_fields(version)))
    opened = version.open()
    with _placed("where"):
        found = positions(version, opened, where=together(filters), search=search, order_by=order_by)
    lines: list[tuple[int, bytes]] = []
    size = 0
    for position in found[offset : offset + length]:
        line = opened.line(int(position))
        size += len(line)
        # The first one is shown however large it is, or a reader would never come past it.
        if lines and size > MAX_PAGE_BYTES:
            break
        lines.append((int(position), line))
    stop = offset + len(lines)
    return Page(lines, len(found), stop if lines and stop < len(found) else None)


def together(filters: Sequence[Filter]) -> Filter | None:
    """All of these filters as one; None where there is none."""
    return Group("all", tuple(filters)) if len(filters) > 1 else next(iter(filters), None)


def positions(
    version: Version, opened: OpenVersion, *, where: Filter | None, search: str = "", order_by: str = ""
) -> range | browse.Positions:
    """The positions of the samples that a filter and a search keep, in an order; found once, then kept."""
    # A field may be called "-x" itself; then the sign is part of its name.
    descending = order_by.startswith("-") and order_by not in opened.field_names
    field = order_by.removeprefix("-") if descending else order_by
    question = browse.Question(where, search, field, descending)
    if question.asks_nothing:
        return range(opened.num_samples)
    fill = partial(browse.fill, version=opened, question=question, limits=limits())
    # Kept as a file that is mapped: the next page of the same question finds its rows there, and a filter
    # that keeps a hundred million samples costs no memory here.
    return kept_files().entry(question.key(version.digest), fill, browse.open_positions)


def sample(version: Version, position: int) -> bytes:
    """One sample's line. NotFoundError outside the version."""
    try:
        return version.open().line(position)
    except IndexError:
        raise NotFoundError(f"The version has {version.num_samples:,} samples, numbered from 0.") from None


@dataclass(frozen=True)
class Preview:
    """What a filter keeps of a version, what each condition keeps by itself, and the first samples."""

    num_samples: int
    total: int
    counts: list[dict[str, Any]]
    page: Page


def preview(dataset: Dataset, where: Any) -> Preview:
    """Try a filter on the dataset's latest version. ImpossibleError before there is one."""
    version = dataset.latest
    if version is None:
        raise ImpossibleError("The dataset has no version yet; upload samples first.", code="no_version")
    kept = parse_filter(where, fields=known_fields(version))
    conditions = list(conditions_of(kept))
    opened = version.open()
    # All counted in one pass, so that the columns are read once however many conditions there are.
    filters = [kept, *(condition for _, condition in conditions)]
    with _placed("where"):
        total, *each = selection.count(opened, filters, limits=limits())
    counts = [{"place": place, "num_samples": n} for (place, _), n in zip(conditions, each, strict=True)]
    return Preview(total, opened.num_samples, counts, page(version, where=where, length=PREVIEWED))


def conditions_of(kept: Filter, place: str = "where") -> Iterator[tuple[str, Condition | Free]]:
    """The single conditions of a filter with their places, in the order in which they are written."""
    match kept:
        case Condition() | Free():
            yield place, kept
        case Not():
            yield from conditions_of(kept.item, f"{place}.not")
        case Group():
            for number, item in enumerate(kept.items):
                yield from conditions_of(item, f"{place}.{kept.kind}[{number}]")


@contextmanager
def _placed(field: str) -> Iterator[None]:
    """What only the query finds wrong, a pattern above all, is told as a fault of `field`."""
    try:
        yield
    except MalformedError as error:
        if not error.fields:
            error.fields = {field: error.message}
        raise
