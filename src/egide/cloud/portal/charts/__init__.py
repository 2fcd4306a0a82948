"""Charts drawn by the server as SVG: they need no script. Pure geometry: no clock, database or words."""
