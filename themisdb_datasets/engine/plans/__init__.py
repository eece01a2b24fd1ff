"""Fully pinned deliveries, and their bytes from any position."""
