"""Speed, measured side by side: every claim about it comes from here."""
