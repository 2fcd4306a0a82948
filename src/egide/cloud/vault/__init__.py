"""Sealed envelopes: written by intake, opened only by the callers that import-linter names."""
