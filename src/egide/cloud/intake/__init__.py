"""The door in: verify, admit, seal, register, receipt."""
