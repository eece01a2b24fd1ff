"""Frozen versions: made, shown, verified and downloaded."""
