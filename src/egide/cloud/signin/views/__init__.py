"""Pages: signing in, one's factors and sessions, and the desk's recovery."""
