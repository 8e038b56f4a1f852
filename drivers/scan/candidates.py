"""What to try first where nobody knows: baud rates, parities and unit ids, the likely ones first. Pure.

The arithmetic of a full scan at 9600 baud, 8N1, one character = 10 / 9600 s = 1.04 ms. A unit that is silent costs

    silence before the request    3.5 characters                         3.6 ms
    request and shortest answer   8 + 7 characters                      15.6 ms
    waiting                       `PROBE_S`                            280   ms
    draining after a time-out     an adapter's pause                    30   ms
                                                                       329   ms

so that 247 units take 81 s, and the `TWICE` units that are asked a second question 7 s more: under two minutes. An
answer that comes later still names its unit: it is noted, never taken for the next unit's, and its unit is asked again
with patience.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.profile_head import ProfileHead
from gateway.core.errors import ConfigError
from gateway.core.site import LinkSettings

Parity = Literal["none", "even", "odd"]

PROBE_S = 0.28
"""How long a unit may think about the question whether it is there."""
PATIENT_S = 2.0
"""How long a unit may think that was heard too late, or is known to be there."""
TWICE = 20
"""So many of the likeliest units are asked for a second table where the first question met silence."""
LAST_SERIAL_UNIT = 247
LAST_UNIT = 255
_LIKELY_UNITS = range(1, 6)
_SOCKET_UNITS = (1, 0, 255, *range(2, 11))


@dataclass(frozen=True, slots=True)
class Speed:
    """How a serial port is set."""

    baudrate: int
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8

    def __str__(self) -> str:
        return f"{self.baudrate} {self.data_bits}{self.parity[0].upper()}{self.stop_bits}"

    def of(self, settings: LinkSettings) -> LinkSettings:
        """Return the link with this speed."""
        changes = {name: getattr(self, name) for name in ("baudrate", "parity", "stop_bits", "data_bits")}
        return settings.model_copy(update=changes)


MODBUS_SPEEDS = (
    Speed(9600),
    Speed(19200, "even"),
    Speed(19200),
    Speed(9600, "even"),
    Speed(38400),
    Speed(115200),
    Speed(2400),
    Speed(4800),
    Speed(57600),
    Speed(38400, "even"),
)
"""The standard's default is 19200 even; most meters leave the factory with 9600 none."""
MBUS_SPEEDS = (Speed(2400, "even"), Speed(300, "even"), Speed(9600, "even"))
LISTENING_SPEEDS = (
    Speed(9600),
    Speed(115200),
    Speed(2400, "even"),
    Speed(2400),
    Speed(9600, "even", data_bits=7),
    Speed(19200, "even"),
    Speed(19200),
)
"""SML and other clients; P1; M-Bus and Nordic meters; IEC 62056-21 mode D."""


def speeds(first: Sequence[Speed], *, baudrate: int | None = None, parity: Parity | None = None) -> tuple[Speed, ...]:
    """Return the speeds to try, in order: only those that fit what the installer knows."""
    fitting = [speed for speed in first if baudrate in (None, speed.baudrate) and parity in (None, speed.parity)]
    if fitting or baudrate is None:
        return tuple(fitting) or tuple(dict.fromkeys(Speed(s.baudrate, parity or s.parity) for s in first))
    return tuple(Speed(baudrate, each) for each in ((parity,) if parity else ("none", "even")))


def likely_units(profiles: Iterable[ProfileHead]) -> tuple[int, ...]:
    """Return the units that devices have when they leave the factory, the commonest first, then the lowest numbers."""
    factory = Counter(
        profile.link_defaults.unit_id for profile in profiles if 1 <= profile.link_defaults.unit_id <= LAST_SERIAL_UNIT
    )
    ordered = [unit for unit, _ in factory.most_common()]
    return tuple(dict.fromkeys((1, *ordered, *_LIKELY_UNITS)))[:TWICE]


def unit_order(wanted: Sequence[int] | None, likely: Sequence[int], *, socket: bool, quick: bool) -> tuple[int, ...]:
    """Return the units to ask, the likely ones first.

    Args:
        wanted: What the installer said, None for all that make sense.
        likely: Units that devices leave the factory with.
        socket: Behind a socket most units are the device itself; 0 and 255 are in use there.
        quick: Only the likely ones.
    """
    if wanted is not None:
        return tuple(sorted(wanted, key=lambda unit: (unit not in likely, unit)))
    if socket:
        return _SOCKET_UNITS[:3] if quick else _SOCKET_UNITS
    if quick:
        return tuple(likely)
    return tuple(dict.fromkeys((*likely, *range(1, LAST_SERIAL_UNIT + 1))))


def parse_units(text: str) -> tuple[int, ...]:
    """Return the units in a text such as `1-10,20`.

    Raises:
        ConfigError: it is no such text, or names a unit that cannot be.
    """
    units: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise ConfigError(f"--units {text}: write numbers and ranges, for example 1-247 or 1,5,17")
        start, end = int(first), int(last or first)
        if not start <= end <= LAST_UNIT:
            raise ConfigError(f"--units {text}: {part.strip()} is not a range of units from 0 to {LAST_UNIT}")
        units += range(start, end + 1)
    return tuple(dict.fromkeys(units))
