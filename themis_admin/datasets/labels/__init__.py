"""Names of versions."""
