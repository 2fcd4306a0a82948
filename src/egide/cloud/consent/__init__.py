"""The grounds on which somebody may read."""
