"""Building offset and token indexes of a version."""
