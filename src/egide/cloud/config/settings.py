"""Django's settings, derived from one frozen `Settings` (options.py). Nothing secret is written here."""

from __future__ import annotations

from typing import Any

from egide.cloud.options import load

OPTIONS = load()

SECRET_KEY = OPTIONS.web_secret()
DEBUG = False
ALLOWED_HOSTS = list(OPTIONS.hosts)
ROOT_URLCONF = "egide.cloud.config.urls_people"
ASGI_APPLICATION = "egide.cloud.config.asgi.application"
AUTH_USER_MODEL = "people.Account"
AUTHENTICATION_BACKENDS = ["egide.cloud.people.backend.LinkBackend"]
SESSION_ENGINE = "egide.cloud.people.sessions"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "egide.cloud.keys",
    "egide.cloud.register",
    "egide.cloud.people",
    "egide.cloud.messages",
    "egide.cloud.fleet",
    "egide.cloud.consent",
    "egide.cloud.vault",
    "egide.cloud.intake",
    "egide.cloud.release",
    "egide.cloud.signin",
    "egide.cloud.federation",
    "egide.cloud.fhir",
    "egide.cloud.smart",
    "egide.cloud.governance",
    "egide.cloud.comfort",
    "egide.cloud.portal",
    "egide.cloud.ward",
    "egide.cloud.demo",
    "allauth.account",  # the sign-in engine: last, so that our words win over its own
    "allauth.mfa",
    "oauth2_provider",  # its grants, under our validator; none of its models, pages or migrations
]
# What it stores is ours (smart/models.py). There are neither ID tokens nor device grants: their settings name a model
# that is there already, so that no table of theirs is made.
OAUTH2_PROVIDER_APPLICATION_MODEL = "smart.App"
OAUTH2_PROVIDER_GRANT_MODEL = "smart.Code"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "smart.Refresh"  # noqa: S105
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "smart.Token"  # noqa: S105
OAUTH2_PROVIDER_ID_TOKEN_MODEL = OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL
MIGRATION_MODULES: dict[str, str | None] = {"oauth2_provider": None}
OAUTH2_PROVIDER: dict[str, Any] = {
    "OAUTH2_SERVER_CLASS": "egide.cloud.smart.server.SmartServer",
    "OAUTH2_BACKEND_CLASS": "egide.cloud.smart.server.SmartCore",
    "OAUTH2_VALIDATOR_CLASS": "egide.cloud.smart.validator.SmartValidator",
    "SCOPES_BACKEND_CLASS": "egide.cloud.smart.scoping.RegisteredScopes",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 1800,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "PKCE_REQUIRED": True,
    "ALLOW_URI_WILDCARDS": False,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],  # and the loopback, by App.get_allowed_schemes
    "OAUTH_PRE_TOKEN_VALIDATION": [],
    # RFC 9700, every switch that it has
    **{
        f"COMPLIANT_BCP_RFC9700_{name}": True
        for name in (
            "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME", "REDIRECT_URI_MATCHING", "PKCE_REQUIRED",
        )
    },
}  # fmt: skip
MIDDLEWARE = [
    "egide.cloud.demo.guard.DemoGuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "egide.cloud.portal.middleware.CompressedPagesMiddleware",
    "egide.cloud.portal.middleware.ContentSecurityPolicyMiddleware",
    "egide.cloud.portal.middleware.StaticFilesMiddleware",
    "egide.cloud.smart.cors.CrossOriginMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "egide.cloud.federation.sessions.FederatedSessionMiddleware",
    "egide.cloud.signin.life.SessionLifeMiddleware",
    "egide.cloud.signin.lock.SharedWorkstationMiddleware",
    "egide.cloud.comfort.middleware.WishesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "egide.cloud.portal.errors.ErrorPagesMiddleware",
]
CSRF_FAILURE_VIEW = "egide.cloud.portal.errors.csrf_failure"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "egide.cloud.demo.context.demo",
                "egide.cloud.ward.context.desks",
                "egide.cloud.governance.context.rights",
                "egide.cloud.signin.life.context",
                "egide.cloud.comfort.context.wishes",
            ],
        },
    }
]
# allauth: factors only. Nobody signs up, no e-mail is kept, and none of its own pages is reachable.
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "egide.cloud.signin.adapter.SealedAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_RECOVERY_CODE_DIGITS = 12
# (account, other) -> bool: who is close to a person is neither of the two at the desk
SIGNIN_CLOSE_TO = ["egide.cloud.config.closeness.represents"]
DATABASES = {"default": OPTIONS.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Paris"
STATIC_URL = "static/"
STATIC_ROOT = None  # WhiteNoise serves from the packages, nothing is collected
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Behind HTTPS, browsers take these names from this very host only, over TLS (draft-ietf-httpbis-rfc6265bis, 4.1.3).
_PREFIX = "__Host-" if OPTIONS.people_https else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = (
    f"{_PREFIX}sessionid", f"{_PREFIX}csrftoken", f"{_PREFIX}django_language",
)  # fmt: skip
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
CSRF_COOKIE_AGE = None  # ends with the browser
CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True  # our scripts read the form's own field
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = OPTIONS.people_https
CSRF_TRUSTED_ORIGINS = OPTIONS.people_origins()
SECURE_HSTS_SECONDS = 365 * 86_400 if OPTIONS.people_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = OPTIONS.people_https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if OPTIONS.people_proxy else None
# What people give us is never written in clear to a temporary file: no body is larger than this (body_limit.py).
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 24 * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # with "no-referrer" our own forms would come without their origin
X_FRAME_OPTIONS = "DENY"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "egide.cloud.config.logs.UtcFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "egide": {"level": "INFO"},
        # Django's lines tell addresses, which name patients, and exceptions, which quote values: ours tell codes.
        "django.request": {"level": "CRITICAL"},
        "django.security": {"level": "CRITICAL"},
    },
}
