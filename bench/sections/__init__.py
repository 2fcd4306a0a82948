"""What is claimed, section by section: each gives rows of the table."""
