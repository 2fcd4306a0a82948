"""What runs in the data centre: a Django project, one app a folder, each a full slice."""
