"""Who is in front of the screen: passkeys, one-time codes, sessions, recovery."""
