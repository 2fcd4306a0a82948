"""The platform's SQLite backend over apsw instead of the standard driver, so that tests choose SQLite's VFS."""
