"""SQLite as we need it: WAL, foreign keys, full synchronous, writers that take turns."""
