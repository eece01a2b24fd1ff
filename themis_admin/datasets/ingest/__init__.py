"""Samples coming in from files."""
