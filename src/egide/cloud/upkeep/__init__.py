"""Keeping the platform whole: check everything, back up, restore."""
