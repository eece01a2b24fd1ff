"""What training runs tell back, and what is made of it."""
