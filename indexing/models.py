"""The rows of the indexing app."""

from indexing.index_models import Index
from indexing.tokenizer_models import Tokenizer

__all__ = ["Index", "Tokenizer"]
