"""Write: Observations of systems that cannot sign, attested by them, through the same door in as an object's."""
