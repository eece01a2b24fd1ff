"""What two versions of a dataset differ in."""
