"""Invented people, whom anybody at this machine may be: only in a store that was made for it."""
