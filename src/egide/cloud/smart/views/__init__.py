"""What apps and people ask of the authorization server."""
