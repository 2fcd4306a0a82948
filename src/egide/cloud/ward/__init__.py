"""The pages of those who care and of those in charge: who needs attention, on what ground one sees, offices, live."""
