"""Streams as HuggingFace's datasets."""
