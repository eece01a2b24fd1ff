"""Users, their API tokens, and who did what."""
