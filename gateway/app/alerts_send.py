"""Messages on their way to people: by a mail server and by a webhook."""

import asyncio
import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.header import Header
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from typing import Protocol

import aiohttp

from gateway.app.access import secret
from gateway.app.folders import credential
from gateway.core.alerting import AlertSettings, SmtpSettings, WebhookSettings
from gateway.core.errors import SinkUnavailable

TIMEOUT_S = 20.0
_LEAST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in words, and as programs read it."""

    subject: str
    text: str
    tree: Mapping[str, object]
    id: str = ""
    """Letters and digits; the same each time it is sent, so that whoever gets it twice can tell."""


class Channel(Protocol):
    """One way to people."""

    name: str

    async def send(self, letter: Letter) -> None:
        """Return when the message was taken.

        Raises:
            SinkUnavailable: it was not; try again.
        """


def channels(settings: AlertSettings, environment: Mapping[str, str]) -> list[Channel]:
    """Return the ways that are set.

    Raises:
        ConfigError: a credential cannot be read.
    """
    ways: list[Channel] = []
    if settings.smtp is not None:
        ways.append(Mail(settings.smtp, environment))
    if settings.webhook is not None:
        ways.append(Webhook(settings.webhook, environment))
    return ways


class Mail:
    """A mail server.

    Args:
        settings: Where it is and who gets mail.
        environment: Where the service manager hands over the password.

    Raises:
        ConfigError: the password cannot be read.
    """

    def __init__(self, settings: SmtpSettings, environment: Mapping[str, str]) -> None:
        self.name = f"smtp {settings.host}:{settings.port}"
        self._settings = settings
        self._password = None if settings.password is None else secret(settings.password, environment)
        authority = None if settings.authority is None else str(credential(settings.authority, environment))
        self._context = ssl.create_default_context(cafile=authority)

    async def send(self, letter: Letter) -> None:
        """Return when the server took the message.

        Raises:
            SinkUnavailable: it did not; try again.
        """
        try:
            await asyncio.to_thread(self._deliver, self._message(letter))
        except (OSError, smtplib.SMTPException) as exc:
            raise SinkUnavailable(f"{self.name}: {exc}") from exc

    def _message(self, letter: Letter) -> MIMEText:
        message = MIMEText(letter.text, "plain", "utf-8")
        # Of the two ways to fold a subject, this one keeps its spaces.
        message["Subject"] = Header(letter.subject, "utf-8").encode()
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        message["Date"] = formatdate()
        domain = self._settings.sender.rpartition("@")[2]
        message["Message-ID"] = f"<{letter.id}@{domain}>" if letter.id else make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        return message

    def _deliver(self, message: MIMEText) -> None:
        settings = self._settings
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=TIMEOUT_S, context=self._context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        with server:
            if settings.security == "starttls":
                server.starttls(context=self._context)
            if settings.username is not None and self._password is not None:
                server.login(settings.username, self._password)
            server.send_message(message)


class Webhook:
    """A server that takes JSON.

    Args:
        settings: Where it is.
        environment: Where the service manager hands over the token.

    Raises:
        ConfigError: the token cannot be read.
    """

    def __init__(self, settings: WebhookSettings, environment: Mapping[str, str]) -> None:
        self.name = "webhook"
        self._url = settings.url
        self._headers = {"Content-Type": "application/json"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {secret(settings.token, environment)}"

    async def send(self, letter: Letter) -> None:
        """Return when the server took the message.

        Raises:
            SinkUnavailable: it did not; try again.
        """
        named = {"id": letter.id, "subject": letter.subject, "text": letter.text}
        body = json.dumps({**named, **letter.tree}, ensure_ascii=False)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session,
                session.post(self._url, data=body.encode(), allow_redirects=False) as answer,
            ):
                if answer.status >= _LEAST_ERROR:
                    raise SinkUnavailable(f"webhook: the server answered {answer.status}")
        except (OSError, aiohttp.ClientError) as exc:
            raise SinkUnavailable(f"webhook: {exc}") from exc
