"""Filters and expressions as bound SQL, and the one place that opens DuckDB."""
