"""What two versions are to a dataset's themes and weighting rules: how many samples each keeps, and how heavy they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from themis_admin.datasets import browsing
from themis_admin.datasets.models import Theme, Version, WeightingRule
from themis_admin.datasets.samples import limits
from themisdb_datasets.errors import ThemisError
from themisdb_datasets.rules import parse_rule
from themisdb_datasets.weigh import spread

MAX_RULES = 20


@dataclass(frozen=True)
class ThemeShift:
    """How many samples a theme keeps of a version, and of the one before."""

    theme: Theme
    now: int
    before: int

    @property
    def shift(self) -> int:
        return self.now - self.before

    def to_dict(self) -> dict[str, Any]:
        return {"theme": self.theme.pk, "name": self.theme.name, "now": self.now, "before": self.before}


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
    """Of each theme of the dataset that both versions have the fields for."""
    for theme in version.dataset.themes.order_by("name"):
        try:
            now, before = (browsing.count_matches(each, theme.where) for each in (version, against))
        except ThemisError:
            continue  # a field that one of them does not have
        yield ThemeShift(theme, now, before)


def of_rules(version: Version, against: Version) -> Iterator[RuleShift]:
    """Of each weighting rule of the dataset, the first 20 by name."""
    opened = [(each, each.open()) for each in (version, against)]
    for row in version.dataset.weighting_rules.order_by("name")[:MAX_RULES]:
        rule = parse_rule(row.definition)
        now, before = (
            spread(shards, rule.pinned(each.as_of.timestamp()), limits=limits()).mean
            for each, shards in opened
        )
        yield RuleShift(row, now, before)
