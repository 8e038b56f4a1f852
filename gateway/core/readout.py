"""What moves through the gateway: all values of one device at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Value = float | int | None


class Status(IntEnum):
    """What became of one poll; the numbers are the wire's and never change."""

    OK = 0
    PARTIAL = 1
    """A point that was due has no value."""
    NO_ANSWER = 2
    REFUSED = 3
    CORRUPT_FRAME = 4
    LINK_DOWN = 5
    SKIPPED = 6
    """The poll was due and not sent: the device is being backed off, or the bus had no time for it."""


@dataclass(frozen=True, slots=True)
class Readout:
    """All values of one device at one instant; a failed poll is a readout without values."""

    device: str
    monotonic_s: float
    """End of the acquisition on `Clock.monotonic`."""
    points: tuple[str, ...]
    """Vocabulary names in the order of `values`; polls of the same group share one tuple."""
    values: tuple[Value, ...]
    """In the vocabulary's unit; None where the device gave no value."""
    status: Status
    suspect: frozenset[str] = frozenset()
    """Points whose value lies outside its plausible range; the value is kept."""
    raw: tuple[tuple[int, ...], ...] = ()
    """Registers behind each value, in the order of `points`; only where the caller asked for them."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the data: a gap, a counter reset, an exchanged meter, a clock step."""

    kind: str
    cause: str
    start_ms: int
    """UTC, first instant concerned."""
    end_ms: int
    """UTC, last instant concerned."""
    count: int
    """Readouts concerned, 0 where it cannot be known."""
    device: str | None = None
    text: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the parts of the ring see it."""

    name: str
    profile: str
    link: str
    role: str = ""
    points: tuple[str, ...] = ()
    """Vocabulary names it is asked for."""
    label: str = ""
    settings: Mapping[str, float | int | str] = field(default_factory=dict)
    """What belongs to the installation: ratios, sign, instance."""
