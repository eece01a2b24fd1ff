"""Frozen versions as Parquet and one DuckDB file."""
