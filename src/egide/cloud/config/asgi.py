"""The people's listener (ASGI)."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from egide.cloud.config.body_limit import BodyLimit
from egide.cloud.consent.policy import check as check_policies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "egide.cloud.config.settings")
application = BodyLimit(get_asgi_application(), settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
check_policies()  # refuse to start with policies that do not fit their schema
