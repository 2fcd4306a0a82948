"""Pages of the rights desk: the patient's, and the desk's."""
