"""What Django is told, in a process of its own for each choice of the options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ASKED = (
    "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "CSRF_TRUSTED_ORIGINS", "SECURE_HSTS_SECONDS",
    "SECURE_PROXY_SSL_HEADER", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
)  # fmt: skip


def settings_with(tmp_path: Path, **options: str) -> dict[str, Any]:
    (tmp_path / "data").mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EGIDE_")}
    ours = {f"EGIDE_{name.upper()}": value for name, value in options.items()}
    folders = {"EGIDE_DATA": str(tmp_path / "data"), "EGIDE_KEYS": str(tmp_path / "keys")}
    asked = f"print(json.dumps([getattr(s, n) for n in {ASKED}]))"
    code = f"import json; from egide.cloud.config import settings as s; {asked}"
    done = subprocess.run([sys.executable, "-c", code], env=kept | folders | ours, capture_output=True, check=True)
    return dict(zip(ASKED, json.loads(done.stdout), strict=True))


def test_on_this_machine_nothing_speaks_https(tmp_path: Path) -> None:
    """Plain defaults: no origin but one's own, no promise of HTTPS, no header believed."""
    assert settings_with(tmp_path) == {
        "SESSION_COOKIE_SECURE": False, "CSRF_COOKIE_SECURE": False, "CSRF_TRUSTED_ORIGINS": [],
        "SECURE_HSTS_SECONDS": 0, "SECURE_PROXY_SSL_HEADER": None, "SESSION_COOKIE_NAME": "sessionid",
        "CSRF_COOKIE_NAME": "csrftoken", "LANGUAGE_COOKIE_NAME": "django_language",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": False,
    }  # fmt: skip


def test_behind_https_forms_come_from_the_public_host_and_no_header_is_believed(tmp_path: Path) -> None:
    """Anybody can write X-Forwarded-Proto: only its own option makes it count."""
    found = settings_with(tmp_path, people_https="true", public_host="egide.example")
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert "https://egide.example" in found["CSRF_TRUSTED_ORIGINS"]
    assert all(origin.startswith("https://egide.example") for origin in found["CSRF_TRUSTED_ORIGINS"])
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert all(found[f"{name}_COOKIE_NAME"].startswith("__Host-") for name in ("SESSION", "CSRF", "LANGUAGE"))
    assert found["SECURE_PROXY_SSL_HEADER"] is None
    believed = settings_with(tmp_path, people_https="true", people_proxy="true")
    assert believed["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
