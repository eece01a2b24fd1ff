"""The rows of the indexing app."""

from indexing.tokenizer_models import Tokenizer

__all__ = ["Tokenizer"]
