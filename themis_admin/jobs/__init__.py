"""Tracked background work, and the events that tell of it."""
