"""Datasets, versions, shards, themes, rules and what else hangs on them, as rows."""

from themis_admin.datasets.models.dataset import Dataset, sees_everything
from themis_admin.datasets.models.label import MAX_LABEL, VersionLabel
from themis_admin.datasets.models.of_dataset import OfDataset, OfDatasetQuerySet
from themis_admin.datasets.models.rule import WeightingRule
from themis_admin.datasets.models.statistics import StatisticsDocument
from themis_admin.datasets.models.theme import Theme
from themis_admin.datasets.models.upload import Upload
from themis_admin.datasets.models.version import Shard, Version, VersionShard

__all__ = [
    "MAX_LABEL",
    "Dataset",
    "OfDataset",
    "OfDatasetQuerySet",
    "Shard",
    "StatisticsDocument",
    "Theme",
    "Upload",
    "Version",
    "VersionLabel",
    "VersionShard",
    "WeightingRule",
    "sees_everything",
]
