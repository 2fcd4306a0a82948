"""E-mail by SMTP, through Django's backend: TLS or nothing, plain text, and headers that say no more than the text."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from typing import Any, Final

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from egide.cloud.messages.channels import Message, MessageRefusedError, MessageUndeliveredError, tls

__all__ = ["Mail"]

TIMEOUT_S: Final = 20


class _Connection(smtplib.SMTP):
    """Says `localhost` to the server: a machine's name would travel in the trace of the mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "local_hostname": "localhost"})


class _TlsConnection(smtplib.SMTP_SSL):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "local_hostname": "localhost"})


class _Backend(EmailBackend):
    """Django's, with our TLS: it asks for it before it says anything else, and goes no further without."""

    def __init__(self, context: ssl.SSLContext, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._context = context

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TlsConnection if self.use_ssl else _Connection

    @property
    def ssl_context(self) -> ssl.SSLContext:
        return self._context


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail server. `implicit`: TLS from the first byte (465), else STARTTLS is demanded."""

    host: str
    port: int
    implicit: bool
    sender: str
    user: str = ""
    password: str = ""
    ca: str = ""

    def send(self, message: Message) -> None:
        """Hand it to the server. Raises MessageRefusedError, MessageUndeliveredError."""
        _require_form(message.to)
        backend = self._backend()
        try:
            backend.send_messages([self._letter(message)])
        except smtplib.SMTPRecipientsRefused as err:
            codes = [code for code, _said in err.recipients.values()]
            raise _trouble(codes[0] if codes else 0) from None
        except smtplib.SMTPAuthenticationError as err:
            raise MessageUndeliveredError(f"smtp-sign-in-{err.smtp_code}") from None
        except smtplib.SMTPNotSupportedError:
            raise MessageUndeliveredError("smtp-no-tls") from None
        except smtplib.SMTPSenderRefused as err:
            raise MessageUndeliveredError(f"smtp-sender-{err.smtp_code}") from None
        except smtplib.SMTPResponseException as err:
            raise MessageUndeliveredError(f"smtp-{err.smtp_code}") from None
        except ssl.SSLError:
            raise MessageUndeliveredError("smtp-certificate") from None
        except (smtplib.SMTPException, OSError):
            raise MessageUndeliveredError("smtp-unreachable") from None
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                backend.close()  # Django leaves one open that offered no TLS

    def _backend(self) -> _Backend:
        return _Backend(
            tls(self.ca), host=self.host, port=self.port, username=self.user, password=self.password,
            use_ssl=self.implicit, use_tls=not self.implicit, timeout=TIMEOUT_S, fail_silently=False,
        )  # fmt: skip

    def _letter(self, message: Message) -> EmailMessage:
        domain = self.sender.rpartition("@")[2]
        headers = {"Message-ID": f"<{message.id}@{domain}>", "Auto-Submitted": "auto-generated"}
        return EmailMessage(message.text.subject, message.body + "\n", self.sender, [message.to], headers=headers)


def _require_form(address: str) -> None:
    """Raises MessageRefusedError: no letter can be written to it."""
    try:
        sanitize_address(address, "utf-8")
    except ValueError:  # of UnicodeError, too
        raise MessageRefusedError("address-form") from None


def _trouble(code: int) -> MessageRefusedError | MessageUndeliveredError:
    """5xx of an address is for good; anything else may change."""
    said = f"smtp-{code}"
    return MessageRefusedError(said) if 500 <= code < 600 else MessageUndeliveredError(said)
