"""Tokenizers that were put in, for token indexes."""
