"""Delivering plans over HTTP: the live stream, and what it needs to go on."""
