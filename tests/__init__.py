"""What Themis does, shown with the real database, Valkey, processes and files."""
