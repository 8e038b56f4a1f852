"""What the commissioning page asks for; `gateway.app` implements it over the buses of the gateway."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.core.commissioning import CommissionedDevice, Commissioning, DisplayCheck
from gateway.core.errors import ConfigError
from gateway.core.sentences import Sentence, say

Suffix = Literal["html", "pdf", "json"]


class BenchError(ConfigError):
    """What was asked of the workbench cannot be done; it can say so in each language.

    Args:
        said: Why, and what to do.
    """

    def __init__(self, said: Sentence) -> None:
        super().__init__(say(said))
        self.said = said


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be scanned."""

    port: str
    """Device path, or HOST:PORT."""
    units: str = ""
    """For example `1-10`; the usual ones if empty."""
    mbus: bool = False
    insist: bool = False
    """Send although another client is on the bus."""


@dataclass(frozen=True, slots=True)
class FoundThing:
    """Somebody who answered, and what would become of him in the site file."""

    number: int
    id: str
    """That it would get."""
    where: str
    """Address where it is no unit id, and speed, as far as there are any."""
    model: str
    profile: str
    """Empty where nobody knows the model."""
    confidence: float
    identity: str
    models: tuple[tuple[str, str], ...] = ()
    """Profile and name of each model that it may be, the likeliest first."""
    needs: tuple[str, ...] = ()
    """Settings that no scan can know: ct_ratio, vt_ratio, pulse_weight."""
    unit_id: int | None = None
    present: bool = False
    """Stands in the site file already."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """A scan as it goes."""

    stage: Sentence | None = None
    """Which part of it goes on."""
    done: int = 0
    total: int = 0
    found: tuple[FoundThing, ...] = ()
    verdict: tuple[Sentence, ...] = ()
    """Once it has ended."""
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """A device that was found and is wanted."""

    number: int
    id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """profile, label, role and ratios, as chosen or typed."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the picks."""

    added: tuple[str, ...]
    left_out: tuple[str, ...]
    """Why, one sentence each."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A device of the site file."""

    id: str
    label: str
    model: str
    kind: str
    checked: tuple[DisplayCheck, ...] = ()

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.id


@dataclass(frozen=True, slots=True)
class Report:
    """A record that is kept."""

    name: str
    record: Commissioning


class Workbench(Protocol):
    """What an installer does with one site."""

    @property
    def site(self) -> str:
        """Id of the site; the page of any other has no commissioning here."""

    def ports(self) -> Sequence[str]:
        """Return ports that may be scanned: those of the site and those that are plugged in."""

    async def scan(self, wish: Wish, tell: Callable[[ScanProgress], Awaitable[None]]) -> None:
        """Scan, and tell how it goes several times a second; it stops when `tell` raises.

        Raises:
            ConfigError: there is no such port, or a scan goes on already.
        """

    def found(self) -> Sequence[FoundThing]:
        """Return what the last scan found."""

    async def add(self, picks: Sequence[Pick]) -> Added:
        """Write the picks into the site file, whose comments stay, and have it read again.

        Raises:
            ConfigError: an id or a setting is wrong; nothing was written.
        """

    def devices(self) -> Sequence[Installed]:
        """Return the devices of the site file.

        Raises:
            ConfigError: the site file is wrong.
        """

    async def read(self, device: str) -> CommissionedDevice:
        """Return one device as it is now; where it gives nothing, why.

        Raises:
            ConfigError: there is no such device.
        """

    async def check(self, device: str, point: str, shown: str) -> DisplayCheck:
        """Read the device, compare one point with what its display shows, and remember that for the report.

        Raises:
            ConfigError: there is no such device or value, or what is shown is no number.
        """

    async def report(self, by: str, remark: str) -> Report:
        """Read every device once more, seal the record and keep it.

        Raises:
            ConfigError: the site file is wrong, or the disk refuses the record.
        """

    def reports(self) -> Sequence[Report]:
        """Return the records that are kept, the newest first."""

    async def file(self, name: str, suffix: Suffix, language: str) -> tuple[str, bytes, str] | None:
        """Return name, content and Content-Security-Policy of a file of a report, None where there is none.

        Raises:
            ConfigError: the record was changed after it was sealed, or PDF cannot be made here.
        """
