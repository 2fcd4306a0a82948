"""Fails when a model changed without its migration."""

import os
import sys
import tempfile
from pathlib import Path

root = tempfile.mkdtemp()
os.environ.update(EGIDE_DATA=f"{root}/data", EGIDE_KEYS=f"{root}/keys")
Path(f"{root}/data").mkdir()
os.environ["DJANGO_SETTINGS_MODULE"] = "egide.cloud.config.settings"

import django  # noqa: E402
from django.core.management import call_command  # noqa: E402

django.setup()
try:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
except SystemExit as end:
    sys.exit(f"migrations are missing: {end}")
