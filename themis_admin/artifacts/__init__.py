"""Published, immutable files, and who keeps them."""
