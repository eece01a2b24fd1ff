"""Weighting rules: one factor each, and what they make of a sample."""
