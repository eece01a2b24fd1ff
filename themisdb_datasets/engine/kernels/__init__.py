"""Small pieces that work on whole arrays: no files, no formats, only bytes and numbers."""
