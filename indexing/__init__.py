"""Indexes over HTTP: random access to samples by number."""
