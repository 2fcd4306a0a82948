"""Apps and services that read over FHIR, by OAuth 2.0."""
from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.smart"
    label = "smart"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.fhir.capability import SECURITY
        from egide.cloud.fhir.reader import READERS
        from egide.cloud.signin.along import ALONG
        from egide.cloud.smart.addresses import security_of
        from egide.cloud.smart.bearer import token_reader
        from egide.cloud.smart.tokens import end_account

        if token_reader not in READERS:
            READERS.append(token_reader)
            SECURITY.append(security_of)
        if end_account not in ALONG:
            ALONG.append(end_account)
