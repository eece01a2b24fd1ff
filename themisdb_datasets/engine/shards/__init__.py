"""Lines as immutable shards: checked samples, their spans, and their columns."""
