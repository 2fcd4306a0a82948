"""Charts drawn by the server as SVG: they are read without script. Pure geometry: no clock, no database, no words."""
