"""The people's listener (ASGI)."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from egide.cloud.consent.policy import check as check_policies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "egide.cloud.config.settings")
application = get_asgi_application()
check_policies()  # refuse to start with policies that do not fit their schema
