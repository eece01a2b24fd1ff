"""What every app answers HTTP with: the base of the API, scopes, bodies, downloads, byte ranges, health."""
