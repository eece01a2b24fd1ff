"""What every app answers HTTP with: the base of the API, downloads, byte ranges, health."""
