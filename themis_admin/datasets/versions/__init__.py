"""Versions: published, restored, compacted, changed."""
