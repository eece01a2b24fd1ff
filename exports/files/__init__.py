"""Exports as files, with a manifest that proves them."""
