"""Fixtures for tests of snapshots: those of datasets."""

from tests.themis_admin.datasets.conftest import dataset, folders, ingest, version

__all__ = ["dataset", "folders", "ingest", "version"]
