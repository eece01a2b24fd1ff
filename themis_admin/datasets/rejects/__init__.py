"""Lines that an ingest did not take, and their mending."""
