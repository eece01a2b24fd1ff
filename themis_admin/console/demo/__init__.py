"""The demo corpus that a new installation begins with."""
