"""Ordered shards with deletions: reading, changing, comparing and describing them."""
