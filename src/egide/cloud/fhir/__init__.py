"""The face that other software sees: FHIR R4."""
