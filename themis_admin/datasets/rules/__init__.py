"""Weighting rules: made, explained and compared."""
