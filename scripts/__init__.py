"""What `make` does that a Makefile cannot say."""
