"""How many bytes a delivery has, without making them."""

from themisdb_datasets.engine.plans.delivery import Delivery

# The bytes of a delivery are counted where it is small, and estimated from parts spread over it where it is not.
COUNTED = 20_000
PARTS, PART = 64, 250


def estimate_bytes(delivery: Delivery, window: range) -> int:
    """The size of the window's lines: counted where they are few, otherwise estimated from parts spread over them."""
    parts = [window] if len(window) <= COUNTED else spread(window)
    looked_at = sum(len(part) for part in parts)
    size = sum(share.num_bytes for share in delivery.measure(parts))
    return round(size * len(window) / looked_at) if looked_at else 0


def spread(window: range) -> list[range]:
    """Parts spread evenly over the window."""
    return [window[at : at + PART] for at in range(0, len(window), len(window) // PARTS)]
