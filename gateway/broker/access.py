"""Where a broker is, who we are, how patient we are, and why a broker cannot be reached."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from socket import gaierror
from urllib.parse import urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_UNREACHABLE: tuple[tuple[tuple[type[OSError], ...], str], ...] = (
    ((gaierror,), "the host name is not known; check broker.url and the name service"),
    ((ConnectionRefusedError,), "nothing listens there; check broker.url, and that the broker runs"),
    ((TimeoutError,), "no answer in time; check broker.url, and that the broker runs"),
    (
        (ConnectionAbortedError, ConnectionResetError),
        "it closes the connection before it answers; check the port, mqtt or mqtts, and the client certificate",
    ),
)


@dataclass(frozen=True, slots=True)
class MqttAccess:
    """What the site file refers to, resolved: who we are, and the secrets."""

    client_id: str
    password: str | None = field(default=None, repr=False)
    authority: Path | None = None
    """CA certificates in PEM; the system's own if None."""
    client_certificate: Path | None = None
    client_key: Path | None = None


@dataclass(frozen=True, slots=True)
class MqttLimits:
    """How long we wait and how much may be under way."""

    timeout_s: float = 10.0
    """For a connection, an acknowledgement or a subscription."""
    keepalive_s: int = 15
    """A dead connection is noticed within twice this time."""
    publishes: int = 32
    """Publishes without acknowledgement at one time."""
    queue_bytes: int = 16 * 1024 * 1024
    """Payloads received and not yet taken; what does not fit is dropped, and comes again for want of a receipt."""


class _TlsSocket(ssl.SSLSocket):
    """A socket that a failed handshake leaves closed; the MQTT library forgets it."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def endpoint(url: str) -> tuple[bool, str, int]:
    """Return whether to encrypt, the host, and the port; the schema of the file has checked the URL."""
    parts = urlsplit(url)
    return parts.scheme == "mqtts", parts.hostname or "", parts.port or _PORTS[parts.scheme]


def tls_context(access: MqttAccess) -> ssl.SSLContext:
    """Return the context; every OSError names the file that cannot be used."""
    authority, certificate, key = access.authority, access.client_certificate, access.client_key
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as exc:
        raise OSError(f"CA certificate {authority} cannot be used: {exc.strerror or exc}") from exc
    context.sslsocket_class = _TlsSocket
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as exc:
            reason = exc.strerror or exc
            raise OSError(f"client certificate {certificate} with key {key} cannot be used: {reason}") from exc
    return context


def why_unreachable(exc: OSError) -> str:
    """Return what went wrong below MQTT, and what to do about it."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"TLS: its certificate is not accepted ({exc.verify_message}); "
            "set broker.authority to the CA that signed it, or use the host name that stands in it"
        )
    if isinstance(exc, ssl.SSLError):
        return f"TLS: {exc.reason or exc}; is this the port for mqtts, and the client certificate the right one?"
    known = (text for kinds, text in _UNREACHABLE if isinstance(exc, kinds))
    return next(known, f"cannot be reached ({exc.strerror or exc})")
