"""What a version's fields hold, counted."""
