"""Whether an installer's answer can be used, said at once and in words; each check raises what to type instead."""

from difflib import get_close_matches
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import TypeAdapter, ValidationError

from gateway.core.errors import ConfigError
from gateway.core.scalars import Endpoint
from gateway.web.passwords import LONGEST, SHORTEST

_ALIKE = 0.75


def check_name(name: str) -> None:
    """Check the name of a building.

    Raises:
        ConfigError: it has no letter and no digit, so that no id can be made of it.
    """
    if not any(letter.isalnum() for letter in name):
        raise ConfigError("a name has a letter or a digit, for example Kløvermarken 12")


def check_timezone(name: str) -> None:
    """Check the name of a time zone.

    Raises:
        ConfigError: there is no such zone.
    """
    zones = available_timezones()
    if name not in zones:
        close = get_close_matches(name, sorted(zones), n=1, cutoff=_ALIKE)
        hint = f"did you mean {close[0]}?" if close else "write for example Europe/Copenhagen"
        raise ConfigError(f"{name}: no such time zone; {hint}")


def check_ports(ports: tuple[str, ...]) -> None:
    """Check the ports that somebody typed.

    Raises:
        ConfigError: one is neither the path of a device here nor HOST:PORT.
    """
    for port in ports:
        if port.startswith("/"):
            if not Path(port).exists():
                raise ConfigError(f"{port}: no such port; plug the adapter in, and look under /dev/serial/by-id")
            continue
        try:
            TypeAdapter(Endpoint).validate_python(port)
        except ValidationError as exc:
            raise ConfigError(f"{port}: write /dev/... or HOST:PORT, for example 192.168.1.40:502") from exc


def check_password(password: str) -> None:
    """Check a password of the page.

    Raises:
        ConfigError: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}")
