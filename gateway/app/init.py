"""A first site file, with a comment for every line that an installer may want to change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.app.configuration import load_configuration
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary

_BY_ID = Path("/dev/serial/by-id")
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Answers:
    """What the installer says."""

    name: str
    """For people."""
    timezone: str
    ports: tuple[str, ...] = ()
    """Device paths and HOST:PORT."""
    site: str = ""
    """Id; made of the name if left out."""


def site_id(name: str) -> str:
    """Return an id that a name leads to."""
    plain = name.lower()
    for letter, letters in {"ø": "oe", "æ": "ae", "å": "aa", "ö": "o", "ä": "a", "ü": "u", "õ": "o", "ñ": "n"}.items():
        plain = plain.replace(letter, letters)
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_ID] or "site"


def serial_ports() -> list[str]:
    """Return the names of the serial adapters here that stay the same."""
    return sorted(map(str, _BY_ID.glob("*"))) if _BY_ID.is_dir() else []


def local_timezone() -> str:
    """Return the IANA name of this machine's time zone, UTC where it is not known."""
    try:
        target = str(Path("/etc/localtime").resolve())
    except OSError:
        return "UTC"
    _, found, name = target.partition("/zoneinfo/")
    return name if found else "UTC"


def write_first(path: Path, answers: Answers) -> None:
    """Write a first site file; a file that stands there is never replaced.

    Raises:
        ConfigError: there is a file already, it cannot be written, or an answer is wrong.
    """
    text = render(answers)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise ConfigError(f"{path}: stands there already and is not touched; name another file") from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {(exc.strerror or str(exc)).lower()}") from exc
    try:
        load_configuration(path, load_vocabulary())
    except ConfigError:
        path.unlink()
        raise


def render(answers: Answers) -> str:
    """Return the text of a first site file."""
    links = "\n".join(_link(number, port) for number, port in enumerate(answers.ports, start=1))
    return f"""\
# One building, read by Kvarter. Lines behind # are proposals.
#   kvarter check FILE     is it right, and does every bus keep up?
#   kvarter run FILE       read, keep and show
site: {answers.site or site_id(answers.name)}
# The id stands in every stored value: choose it once. 1 to 64 of a-z, 0-9, _ and -.
name: {_quoted(answers.name)}
timezone: {_quoted(answers.timezone)}
# For local days in reports; stored times are UTC.

# One link is one serial port, or one HOST:PORT with everything behind it.
links:{(links and chr(10) + links) or " []"}

# kvarter scan --serial PORT --write FILE adds what it finds. By hand:
#   - {{id: main_meter, profile: eastron/sdm630, link: bus_1, unit_id: 1, role: grid, label: Main meter}}
# kvarter profiles list shows the profiles.
devices: []

# Everything below may be left out; these are the defaults.
clock: service
# Wait for time synchronisation; trusted where the host's clock is right as it is.
spool: {{size_mib: 1536}}
# Flash for readouts that wait while the store is away.
store: {{raw_retention: 400d}}
# Readouts; 15-minute intervals are kept for ever.

# The same readouts to a collector as well:
# broker: {{url: "mqtts://broker.example:8883", username: kvarter, password: credential:mqtt}}

# Mail when something is wrong (docs/alerts.md):
# alerts:
#   smtp:
#     {{host: mail.example, username: kvarter, password: credential:mail, from: k@example.org, to: [me@example.org]}}
#   quiet_hours: "22:00-07:00"
"""


def _link(number: int, port: str) -> str:
    if port.startswith("/"):
        return f"  - {{id: bus_{number}, serial: {_quoted(port)}, baudrate: 9600, parity: none}}"
    return f"  - {{id: bus_{number}, tcp: {_quoted(port)}}}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def parse_ports(words: Sequence[str]) -> tuple[str, ...]:
    """Return the ports among words that may hold several, each once."""
    return tuple(dict.fromkeys(port for word in words for port in re.split(r"[,\s]+", word) if port))
