"""What runs in or beside a connected health object: enrol, sign, keep, send, until a receipt comes back."""
