"""Egide: a measurement carried from a connected health object to the person who may read it, and proved."""

__version__ = "0.1.0"
