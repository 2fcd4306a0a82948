"""The door out: ask, ground, open, journal."""
