"""What a team would use instead, measured in the same run."""
