"""The ward's pages."""
