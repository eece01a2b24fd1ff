"""Data folders of former releases, kept small, which every later one has to bring up to itself."""
