"""Saved filters over a dataset."""
