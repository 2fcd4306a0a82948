from egide.cloud.options import Options, load  # noqa: F401
