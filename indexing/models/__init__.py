"""Indexes and tokenizers as rows."""

from indexing.models.index import OFFSETS, TOKENS, Index
from indexing.models.tokenizer import Tokenizer

__all__ = ["OFFSETS", "TOKENS", "Index", "Tokenizer"]
