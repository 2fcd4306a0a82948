"""Settings, urls, asgi and wsgi: the only place that wires parts together."""
