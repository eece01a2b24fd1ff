"""Plans opened for delivery: what a stream or a file is about to say."""
