"""Key providers, patients' key pairs, sealed columns and blind indexes."""
