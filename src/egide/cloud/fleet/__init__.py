"""Objects: claims, enrolment, certificates, pairings, revocation, and the broker's gate."""
