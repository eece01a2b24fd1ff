"""Large files that come in parts and resume."""
