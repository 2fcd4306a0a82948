"""The face that people see."""
