"""What a relay is told, and what it counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.wire.condition import Condition

_WELL = {"connections", "batches", "lines", "compressed", "receipts", "released", "live"}


def _no_counters() -> Mapping[str, int]:
    return {}


def _no_messages() -> Mapping[str, bytes]:
    return {}


def nothing_to_say() -> None:
    """Return no condition."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends."""

    site: str
    run: str
    """Of this start; batches of earlier runs are backlog."""
    version: str
    """Of this program."""
    catalogue: str
    """Id of the catalogue in force."""
    catalogues: Mapping[str, bytes]
    """Id to message of every catalogue that a batch may refer to."""
    counters: Callable[[], Mapping[str, int]] = _no_counters
    """What went wrong elsewhere in the gateway, for the status."""
    announcements: Callable[[], Mapping[str, bytes]] = _no_messages
    """Topic → retained message, for programs that look for devices on the broker; told anew with every catalogue."""
    condition: Callable[[], Condition | None] = nothing_to_say
    worries: Callable[[], object] = nothing_to_say
    """Of the condition, what is told at once when it changes; cheap to ask for."""
    """How the gateway is, for the status; None where nobody is to know."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """How to send."""

    delivery: Literal["receipt", "acknowledgement"] = "receipt"
    """What frees the spool."""
    collect_s: float = 0.5
    """New lines wait so long for company."""
    resend_s: float = 30.0
    """A batch without receipt for this time is sent again."""
    live: bool = True
    """Publish the last values of each device as JSON for people."""
    live_interval_s: float = 5.0
    """A device has at most one live message in this time; people do not read faster, and each costs a round trip."""
    compression: bool = True
    """Compress for a collector that takes it; useless within one process."""
    longest_delay_s: float = 30.0
    """Between two attempts to connect."""


@dataclass(slots=True)
class RelayCounters:
    """Since the start."""

    connections: int = 0
    failures: int = 0
    """Connections that failed or were lost."""
    batches: int = 0
    lines: int = 0
    compressed: int = 0
    overdue: int = 0
    """Batches without receipt in time."""
    receipts: int = 0
    released: int = 0
    """Readouts freed."""
    idle_receipts: int = 0
    """Receipts for what is not on its way: repeated, of another run, or invented."""
    malformed_receipts: int = 0
    unsolicited: int = 0
    """Messages on topics that were not subscribed to."""
    unknown_catalogues: int = 0
    live: int = 0
    """Messages with live values."""
    live_failures: int = 0

    def troubles(self) -> Mapping[str, int]:
        """Return what counts as wrong, for the status."""
        return {f"relay_{each}": getattr(self, each) for each in self.__slots__ if each not in _WELL}
