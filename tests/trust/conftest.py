"""Property tests find the same thing each time, on however slow a machine."""

from hypothesis import settings

settings.register_profile("trust", deadline=None, derandomize=True, database=None)
settings.load_profile("trust")
