"""Indexes of a version: made, shown and read."""
