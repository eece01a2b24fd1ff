"""An app with jobs that only the tests have."""
