"""Lines of samples as lines of an export, put together from spans."""
