"""Sign-in by Pro Santé Connect, FranceConnect or another OpenID Connect provider."""
