"""Datasets, their versions and themes, and how samples come in."""
