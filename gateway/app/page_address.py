"""Under which names and addresses browsers on the local network reach this machine."""

import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.core.site import WebSettings
from gateway.web.certificate import ensure_certificate
from gateway.web.guard import is_loopback
from gateway.web.passwords import load_passwords

LOOPBACK = "127.0.0.1"
_EVERYWHERE = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - to be recognised, not bound
# Documentation addresses: a datagram socket that is connected to them sends nothing, and learns the way out.
_OUTSIDE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the page listens, as settings and passwords have it."""

    host: str
    port: int
    encrypted: bool
    names: tuple[str, ...]
    """Under which it is reached; the first one is told to people."""
    waits_for_password: bool = False
    """It would be reached from elsewhere if a password were set."""

    def url(self, port: int | None = None) -> str:
        """Return the address to type into a browser."""
        return f"{'https' if self.encrypted else 'http'}://{self.names[0]}:{port or self.port}/"


def plan_page(settings: WebSettings, data: Path) -> Plan | None:
    """Return where the page is to listen, None where there is to be none.

    Raises:
        ConfigError: the passwords cannot be read.
    """
    if settings.listen == "off":
        return None
    host, _, port = settings.listen.rpartition(":")
    if is_loopback(host):
        return Plan(host.strip("[]"), int(port), encrypted=False, names=(host, *settings.names))
    if not load_passwords(data).is_set:
        return Plan(LOOPBACK, int(port), encrypted=False, names=(LOOPBACK,), waits_for_password=True)
    addresses = local_addresses() if host in _EVERYWHERE else [host]
    names = (*addresses, *host_names(), *settings.names)
    return Plan(host.strip("[]"), int(port), encrypted=True, names=names or (LOOPBACK,))


def prepare_certificate(plan: Plan, data: Path) -> None:
    """Make what an encrypted page needs.

    Raises:
        ConfigError: it cannot be written.
    """
    if plan.encrypted:
        ensure_certificate(data, [name.strip("[]").partition("%")[0] for name in (*plan.names, "localhost", LOOPBACK)])


def host_names() -> Sequence[str]:
    """Return the names of this machine on the local network."""
    name = socket.gethostname().partition(".")[0].lower()
    full = socket.gethostname().lower()
    return [each for each in dict.fromkeys((f"{name}.local", name, full)) if _is_name(each)]


def local_addresses() -> list[str]:
    """Return the addresses of this machine that face outwards, as they stand in a URL."""
    found = []
    for family, outside in _OUTSIDE:
        with suppress(OSError), closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.connect((outside, 9))
            address = str(probe.getsockname()[0])
            if not is_loopback(address):
                found.append(f"[{address}]" if family == socket.AF_INET6 else address)
    return found


def _is_name(text: str) -> bool:
    return bool(text) and text.replace("-", "").replace(".", "").isalnum() and text.isascii()
