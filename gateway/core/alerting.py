"""Schema of the key `alerts`: who is told when something is wrong, and when."""

from datetime import time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.core.scalars import Credential, Interval, StoreUrl, Text
from gateway.core.strict import Strict

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_Address = Annotated[str, Field(pattern=r"^[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}$")]


class SmtpSettings(Strict):
    """The mail server that takes our messages."""

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls: encrypted after a greeting (port 587). tls: from the first byte (port 465). none: within the house."""
    username: Text | None = None
    password: Credential | None = None
    authority: Credential | None = None
    """CA certificate, where the system's own are not enough."""
    sender: Annotated[_Address, Field(alias="from")]
    to: Annotated[tuple[_Address, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.password is not None and self.security == "none":
            raise ValueError("a password needs security starttls or tls")
        return self


class WebhookSettings(Strict):
    """Where JSON is posted."""

    url: StoreUrl
    token: Credential | None = None
    """Sent as bearer token."""


class AlertSettings(Strict):
    """Who is told when something is wrong, and when."""

    smtp: SmtpSettings | None = None
    webhook: WebhookSettings | None = None
    language: Literal["en", "da", "et", "es"] = "en"
    patience: Interval = 120.0
    """What is wrong for less is not worth a message; a device that is asked seldom has three of its intervals."""
    quiet_hours: Annotated[str, Field(pattern=rf"^{_CLOCK}-{_CLOCK}$")] | None = None
    """Local time, for example "22:00-07:00": what happens in them is told in one message at their end."""
    digest: Annotated[str, Field(pattern=rf"^(off|({'|'.join(DAYS)}) {_CLOCK})$")] = "monday 08:00"
    """Local time of a weekly message, which also says when all is well; off: none."""
    timezone: str | None = None
    """IANA name, for a collector; a site has its own."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.smtp is None and self.webhook is None:
            raise ValueError("say who is told: smtp, webhook or both")
        return self

    @property
    def quiet(self) -> tuple[time, time] | None:
        """From, until."""
        if self.quiet_hours is None:
            return None
        start, _, end = self.quiet_hours.partition("-")
        return time.fromisoformat(start), time.fromisoformat(end)

    @property
    def weekly(self) -> tuple[int, time] | None:
        """Day of the week, 0 for Monday, and time."""
        if self.digest == "off":
            return None
        day, _, at = self.digest.partition(" ")
        return DAYS.index(day), time.fromisoformat(at)
