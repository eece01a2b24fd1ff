"""Where files are kept, and how much room there is."""
