"""Which samples of a version a filter keeps, with their weights, as immutable files."""
