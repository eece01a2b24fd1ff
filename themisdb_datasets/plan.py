"""Plans and cursors: a fully pinned delivery as one small canonical document, and a place in it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np

from themisdb_datasets.criteria import Criteria
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError
from themisdb_datasets.order import Ordering
from themisdb_datasets.render import Format, Renderer
from themisdb_datasets.selection import Selection
from themisdb_datasets.version import OpenVersion

SCHEME = 1
CHUNK_BYTES = 4 << 20  # no chunk is larger, unless one line is
USUAL_BYTES = 1 << 20
BLOCK_ROWS = 4096  # lines laid out at once, before they are joined
_CURSOR = re.compile(r"([0-9a-f]{64})\.(\d{1,18})")


@dataclass(frozen=True)
class Plan:
    """What is delivered, in every detail that decides a byte of it; two equal plans deliver equal bytes."""

    version: str  # digest of the version
    criteria: Criteria
    form: Format
    ordering: Ordering = field(default_factory=Ordering)

    def to_document(self) -> dict[str, Any]:
        """The canonical document."""
        return {
            "plan": SCHEME,
            "version": self.version,
            "select": self.criteria.to_document(),
            "format": self.form.to_document(),
            "order": self.ordering.to_document(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Plan":
        """The plan that `to_document` wrote; ConflictError for one of another scheme."""
        if document.get("plan") != SCHEME:
            raise ConflictError(
                "This plan was made by another release of Themis; start it anew.", code="plan_scheme"
            )
        return cls(
            version=document["version"],
            criteria=Criteria.from_document(document["select"]),
            form=Format.from_document(document["format"]),
            ordering=Ordering.from_document(document["order"]),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the document, 64 hex digits."""
        return hashlib.sha256(msgspec.json.encode(self.to_document(), order="deterministic")).hexdigest()


@dataclass(frozen=True)
class Cursor:
    """A place in a plan: everything before `position` has been delivered."""

    plan: str
    position: int

    def __str__(self) -> str:
        return f"{self.plan}.{self.position}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read `<plan digest>.<position>`; MalformedError otherwise."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            message = "A cursor is the plan's 64 hex digits, a dot and a position."
            raise MalformedError(message, code="bad_cursor", fields={"cursor": message})
        return cls(match[1], int(match[2]))


class Chunk(NamedTuple):
    """Whole lines, joined."""

    data: memoryview
    num_samples: int


class Delivery:
    """A plan opened on its version and selection; any part of it can be iterated, from any thread, at any time."""

    def __init__(self, plan: Plan, version: OpenVersion, selection: Selection) -> None:
        self.plan = plan
        self.selection = selection
        self.order = plan.ordering.over(selection.num_samples)
        self.renderer = Renderer(version, plan.form)
        self._length = np.uint64(max(selection.num_samples, 1))
        self._positions, self._weights = np.asarray(selection.positions), np.asarray(selection.weights)
        if version.num_samples < selection.num_samples:
            raise ConflictError("The selection does not belong to this version.", code="stale_selection")

    @property
    def num_samples(self) -> int:
        """Lines in one epoch."""
        return self.order.num_samples

    def window(
        self, start: int, limit: int | None, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> range:
        """The positions that a consumer gets from `start` on: rank r of W takes start + r, start + r + W, …

        All ranks get the same number. Where the rest does not part evenly, `drop_last` leaves its tail out; otherwise
        the last positions are beyond the end and wrap round to the epoch's begin. ImpossibleError past the end.
        """
        if start > self.num_samples:
            message = f"Position {start:,} is past the end: the plan has {self.num_samples:,} samples."
            raise ImpossibleError(message, code="past_the_end", fields={"start": message})
        left = self.num_samples - start
        each = left // world_size if drop_last else -(-left // world_size)
        each = each if limit is None else min(each, limit)
        return range(start + rank, start + rank + each * world_size, world_size)

    def chunks(self, window: range, *, batch_size: int = 100) -> Iterator[Chunk]:
        """The lines of `window` as chunks of at most 4 MiB or one line.

        The first chunk has `batch_size` lines, so that the first byte comes at once; later ones hold about 1 MiB, or
        `batch_size` lines where that is more, which keeps the cost of a chunk small beside its bytes.
        """
        done, rows = 0, min(batch_size, BLOCK_ROWS)
        while done < len(window):
            part = window[done : done + rows]
            index = self.order.at(np.arange(part.start, part.stop, part.step, dtype=np.uint64) % self._length)
            lines = self.renderer.lines(self._positions[index].astype(np.int64), self._weights[index])
            for first, last in lines.cuts(least=batch_size, usual_bytes=USUAL_BYTES, most_bytes=CHUNK_BYTES):
                yield Chunk(lines.join(first, last), last - first)
            done, rows = done + len(part), BLOCK_ROWS
