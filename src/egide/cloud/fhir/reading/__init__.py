"""Reading, resource by resource: what the registry serves."""
