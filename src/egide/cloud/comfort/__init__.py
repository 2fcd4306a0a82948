"""How each person wants the pages (easy words, units, time zone), what we say of accessibility, what is installable."""
