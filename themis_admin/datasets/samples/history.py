"""The history of a sample over its dataset's versions: where it came, changed and went."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from themis_admin.datasets.models import Version
from themis_admin.storage.stores import limits
from themisdb_datasets.engine.versions.diff import differing
from themisdb_datasets.engine.versions.history import Identity, Occurrence, identify, occurrences
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import NotFoundError

MAX_VERSIONS = 50
MAX_POSITIONS = 10
QUIET = ("unchanged", "absent")

LookedInto = tuple[Version, OpenVersion, list[Occurrence]]


@dataclass(frozen=True)
class VersionStep:
    """One version: `state` is added, changed, unchanged, removed or absent, against the version before it.

    In the oldest version that is looked into, what is there is present. `fields` are those that changed, where the
    sample is once in both versions.
    """

    version: Version
    before: Version | None
    found: list[Occurrence]
    state: str
    fields: list[str]

    @property
    def positions(self) -> list[int]:
        """Where it is; more than a few of a repeated key are left out."""
        return [each.position for each in self.found[:MAX_POSITIONS]]

    def to_dict(self) -> dict[str, Any]:
        diff = f"{self.version.url}diff/?against={self.before.pk}" if self.before is not None else None
        return {
            "version": self.version.pk,
            "number": self.version.number,
            "created_at": self.version.created_at.isoformat(),
            "state": self.state,
            "num_samples": len(self.found),
            "positions": self.positions,
            "fields": self.fields,
            "diff": diff,
        }


@dataclass(frozen=True)
class History:
    """The steps, newest first; `more` where older versions were not looked into."""

    identity: Identity
    steps: list[VersionStep]
    more: bool

    def shown_steps(self, version: Version) -> list[VersionStep | list[VersionStep]]:
        """The steps with those that tell nothing put together, but for that of `version`."""
        found: list[VersionStep | list[VersionStep]] = []
        for step in self.steps:
            if step.state not in QUIET or step.version == version:
                found.append(step)
            elif found and isinstance(found[-1], list) and found[-1][0].state == step.state:
                found[-1].append(step)
            else:
                found.append([step])
        return [each[0] if isinstance(each, list) and len(each) == 1 else each for each in found]

    def to_dict(self) -> dict[str, Any]:
        by = {"key_field": self.identity.key_field, "key": self.identity.key}
        return {
            "by": by if self.identity.key is not None else None,
            "sample_id": self.identity.sample_id.hex(),
            "versions": [step.to_dict() for step in self.steps],
            "more": self.more,
        }


def of_sample(version: Version, position: int) -> History:
    """What became of one sample, by the dataset's key field; by its content where it has no key."""
    dataset = version.dataset
    try:
        identity = identify(version.open(), position, key_field=dataset.key_field, limits=limits())
    except IndexError:
        message = f"The version has {version.num_samples:,} samples, numbered from 0."
        raise NotFoundError(message) from None
    rows = list(dataset.versions.order_by("-number")[: MAX_VERSIONS + 1])
    versions = rows[:MAX_VERSIONS]
    opened = [row.open() for row in versions]
    found = occurrences(opened, identity, limits=limits())
    looked_into = list(zip(versions, opened, found, strict=True))
    steps = [_step(newer, older) for newer, older in pairwise(looked_into)]
    oldest, _, there = looked_into[-1]
    # In the very first version it was added; in the oldest that was looked into nobody knows.
    state = "present" if len(rows) > MAX_VERSIONS else "added"
    steps.append(VersionStep(oldest, None, there, state if there else "absent", []))
    return History(identity, steps, len(rows) > MAX_VERSIONS)


def _step(newer: LookedInto, older: LookedInto) -> VersionStep:
    version, opened, now = newer
    before, opened_before, then = older
    fields: list[str] = []
    if not now or not then:
        state = "added" if now else "removed" if then else "absent"
    elif sorted(each.sample_id for each in now) == sorted(each.sample_id for each in then):
        state = "unchanged"
    else:
        state = "changed"
        if len(now) == len(then) == 1:
            lines = opened.line(now[0].position), opened_before.line(then[0].position)
            fields = list(differing(*lines))
    return VersionStep(version, before, now, state, fields)
