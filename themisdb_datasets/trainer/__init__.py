"""Samples at the trainer: by number, by epoch, from caches."""
