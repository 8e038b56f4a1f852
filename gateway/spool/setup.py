"""What a spool is told at its start, and what it says about its health."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.readout import Event

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSetup:
    """Who writes, and within which bounds."""

    run: str
    """16 hexadecimal digits, never used before."""
    catalogue: str
    """8 hexadecimal digits: the catalogue that the first entries refer to."""
    boot_id: str
    """Of this boot of the machine."""
    event_body: Callable[[Event], bytes]
    """Makes the line of a gap, without timestamp."""
    counters: frozenset[str] = frozenset()
    """Points whose quarter-hour values are kept when the ring is full."""
    capacity_bytes: int = 1536 * MIB
    """Of the flash ring."""
    segment_bytes: int = MIB
    memory_bytes: int = 8 * MIB
    """Of the RAM tier; without one, of what waits for a disk that refuses."""
    shelf_bytes: int = MIB // 2
    """One segment of the RAM tier."""
    resend_after_s: float = 30.0
    flush_after_s: float = 4.0
    """An entry without receipt goes to flash after this time."""
    round_every_s: float = 4.6
    """Shortest time between two flushes; the longest that a power cut can take, but for the flush itself."""
    mark_every_s: float = 300.0


@dataclass(slots=True)
class Health:
    """What went wrong, and what was written."""

    is_refusing: bool = False
    """The last write to flash failed."""
    last_error: str = ""
    failures: int = 0
    """Rounds that the flash refused."""
    memory_failures: int = 0
    """Entries that the RAM tier refused."""
    rounds: int = 0
    flash_bytes: int = 0
    lost: int = 0
    """Readouts given up because neither memory nor flash had room; each lies in a gap."""
    thinned: int = 0
    """Readouts of which only counters at the quarter hours are left; each lies in a gap."""
    damaged: int = 0
    """Readouts found unreadable, as far as they can be counted; each lies in a gap."""

    def counters(self) -> dict[str, int]:
        """Return all numbers by name."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: int(value) for name, value in values.items() if not isinstance(value, str)}
