"""How long versions are kept, and what holds them."""
