"""The top of the house: overview, shell, the supervisor behind `up`, and the demo data."""
