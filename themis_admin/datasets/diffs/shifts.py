"""What two versions are to a dataset's themes and weighting rules: how many samples each keeps, and how heavy they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from themis_admin.datasets.diffs import services
from themis_admin.datasets.models import Theme, Version, WeightingRule
from themis_admin.datasets.samples import windows
from themis_admin.storage.stores import limits
from themisdb_datasets.engine.weights.preview import spread
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.errors import ThemisError
from themisdb_datasets.vectors import Mask

MAX_RULES = 20


@dataclass(frozen=True)
class ThemeShift:
    """How many samples a theme keeps of a version, and of the one before.

    `joined` are kept now and were not, because they are new or have changed, and `left` the other way round.
    """

    theme: Theme
    now: int
    before: int
    joined: int
    left: int

    def to_dict(self) -> dict[str, Any]:
        counts = {"now": self.now, "before": self.before, "joined": self.joined, "left": self.left}
        return {"theme": self.theme.pk, "name": self.theme.name, **counts}


@dataclass(frozen=True)
class RuleShift:
    """The mean of a rule's factors over a version's samples, as of then, and over those of the one before."""

    rule: WeightingRule
    now: float
    before: float

    @property
    def shift(self) -> float:
        return self.now - self.before

    def to_dict(self) -> dict[str, Any]:
        known = {"weighting_rule": self.rule.pk, "name": self.rule.name}
        return {**known, "now": round(self.now, 4), "before": round(self.before, 4)}


def of_themes(version: Version, against: Version) -> Iterator[ThemeShift]:
    """Of each theme of the dataset that can be asked of both versions."""
    # `changed` has pairs of positions, one a version, so a sample that is kept by both is followed from one
    # to the other, though it may lie elsewhere. Membership is a byte a sample, and no row is read.
    found = services.between(version, against)
    new, old = found.changed[:, 0], found.changed[:, 1]
    for theme in version.dataset.themes.order_by("name"):
        try:
            now, before = _kept(version, theme), _kept(against, theme)
        except ThemisError:
            continue
        joined = _count(now[found.added]) + _count(now[new] & ~before[old])
        left = _count(before[found.removed]) + _count(before[old] & ~now[new])
        yield ThemeShift(theme, _count(now), _count(before), joined, left)


def _kept(version: Version, theme: Theme) -> Mask:
    """Of each sample of a version, whether a theme keeps it."""
    kept = np.zeros(version.num_samples, np.bool_)
    kept[np.asarray(windows.Window(version, theme.where).positions, np.int64)] = True
    return kept


def _count(kept: Mask) -> int:
    return int(np.count_nonzero(kept))


def of_rules(version: Version, against: Version) -> Iterator[RuleShift]:
    """Of each weighting rule of the dataset, the first 20 by name."""
    opened = [(each, each.open()) for each in (version, against)]
    for row in version.dataset.weighting_rules.order_by("name")[:MAX_RULES]:
        rule = parse_rule(row.definition)
        # Each version by its own time: a sample weighs today what
        # it weighed when it came, unless its content changed.
        now, before = (
            spread(shards, rule.pinned(each.as_of.timestamp()), limits=limits()).mean
            for each, shards in opened
        )
        yield RuleShift(row, now, before)
