"""What a collector is told, and what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass

_WELL = {"connections", "batches", "lines", "receipts", "duplicates", "catalogues"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who collects, for its status on the broker."""

    name: str
    """An identifier; stands where a site's stands in its topics."""
    run: str
    """Of this start."""
    version: str
    """Of this program."""


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Whose batches to take, and how to write them."""

    sites: tuple[str, ...] = ("*",)
    """Patterns of site ids."""
    origin: Origin | None = None
    """None where nobody is to be told."""
    group: str | None = None
    """Members of a group share the batches; all of them are to have the same patterns."""
    accepts: tuple[str, ...] = ("gz",)
    """Encodings taken beside plain text."""
    capacity_bytes: int = 64 * 1024 * 1024
    """Of batches that wait to be checked."""
    waiting_bytes: int = 8 * 1024 * 1024
    """Of checked lines that wait for one store."""
    write_bytes: int = 1024 * 1024
    """Written to the stores in one go."""
    collect_s: float = 0.25
    """Lines wait so long for company."""
    longest_delay_s: float = 30.0
    """Between two attempts to connect, or to write."""
    stop_s: float = 10.0
    """When stopping, the write in hand may take so long."""
    remembered_s: float = 60.0
    """Readouts that come again within this time after they were stored are receipted without another write."""


@dataclass(slots=True)
class CollectorCounters:
    """Since the start."""

    connections: int = 0
    failures: int = 0
    """Connections that failed or were lost."""
    batches: int = 0
    """Checked and sent to the stores."""
    lines: int = 0
    refused: int = 0
    """Lines that went to the dead letters."""
    receipts: int = 0
    duplicates: int = 0
    dropped: int = 0
    """Messages without room; they come again."""
    abandoned: int = 0
    """Batches that at least one store had no room for; they come again."""
    malformed: int = 0
    unsolicited: int = 0
    """Messages on topics that were not subscribed to."""
    foreign: int = 0
    """Messages of sites that are not ours to collect."""
    lacking: int = 0
    """Batches without receipt because their catalogue never came."""
    catalogues: int = 0
    store_failures: int = 0
    disk_failures: int = 0
    twins: int = 0
    """Batches of a site id that two gateways seem to use."""

    def troubles(self) -> Mapping[str, int]:
        """Return what counts as wrong, for a status."""
        return {f"collector_{each}": getattr(self, each) for each in self.__slots__ if each not in _WELL}
