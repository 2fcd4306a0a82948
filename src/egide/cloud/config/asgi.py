"""The people's listener (ASGI)."""

from __future__ import annotations

import os

import django
from django.conf import settings

from egide.cloud.config.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "egide.cloud.config.settings")
django.setup(set_prefix=False)

from egide.cloud.config.people_app import PeopleHandler  # noqa: E402 (apps must be ready first)
from egide.cloud.consent.policy import check as check_policies  # noqa: E402

# Its threads last, and so may their connections: looked at before each use.
settings.DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
application = BodyLimit(PeopleHandler(), settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
check_policies()  # refuse to start with policies that do not fit their schema
