"""Times as the API writes them."""

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with its offset; nothing stays nothing."""
    return moment.isoformat() if moment is not None else None
