"""Delivering plans over HTTP: as live streams, as files, by links; and what trainings tell back."""
