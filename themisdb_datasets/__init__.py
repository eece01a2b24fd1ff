"""Themis engine and client: shards, indexes, selections, orders, rendering and plans, with no web framework in sight."""
