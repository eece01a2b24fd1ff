"""Plans and cursors: a fully pinned delivery as one small canonical document, and a place in it."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from themisdb_datasets.engine.plans.mix import Mix
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.errors import ConflictError, MalformedError
from themisdb_datasets.order import Ordering

SCHEME = 1
_CURSOR = re.compile(r"([0-9a-f]{64})\.(\d{1,18})")


@dataclass(frozen=True)
class Plan:
    """What is delivered, in every detail that decides a byte of it; two equal plans deliver equal bytes."""

    version: str  # digest of the version
    criteria: Criteria
    form: Format
    ordering: Ordering = field(default_factory=Ordering)
    mix: Mix | None = None
    # The number of the version after which it goes on with what later ones add; None where it ends. Two versions of a
    # dataset may be equal, but not what comes after them.
    continuous: int | None = None

    def to_document(self) -> dict[str, Any]:
        """The canonical document."""
        document: dict[str, Any] = {
            "plan": SCHEME,
            "version": self.version,
            "select": self.criteria.to_document(),
            "format": self.form.to_document(),
            "order": self.ordering.to_document(),
        }
        if self.mix is not None:
            document["mix"] = self.mix.to_document()
        if self.continuous is not None:
            document["continuous"] = self.continuous
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Plan":
        """The plan that `to_document` wrote; ConflictError for one of another scheme."""
        # Refused and not converted: what an old scheme meant, a byte of it, may no longer be what this one writes.
        if document.get("plan") != SCHEME:
            raise ConflictError(
                "This plan was made by another release of Themis; start it anew.", code="plan_scheme"
            )
        return cls(
            version=document["version"],
            criteria=Criteria.from_document(document["select"]),
            form=Format.from_document(document["format"]),
            ordering=Ordering.from_document(document["order"]),
            mix=Mix.from_document(document["mix"]) if "mix" in document else None,
            continuous=document.get("continuous"),
        )

    @property
    def selects(self) -> list[Criteria]:
        """The criteria of each selection that it takes samples from: one, or one for each part of a mix."""
        if self.mix is None:
            return [self.criteria]
        return [
            replace(self.criteria, conditions=(part.condition, *self.criteria.conditions))
            for part in self.mix.parts
        ]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the document, 64 hex digits."""
        # Sorted names and no whitespace: every release has to write this document alike, for cursors that people keep
        # name it.
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
            raise MalformedError.at(
                "cursor", "A cursor is the plan's 64 hex digits, a dot and a position.", code="bad_cursor"
            )
        return cls(match[1], int(match[2]))
