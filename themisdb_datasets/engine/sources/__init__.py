"""Files as they come in, of any kind, as lines of JSON."""
