"""What the page knows, and the seam through which it learns it; `gateway.app` implements the seam for each role.

The JSON API sends these values as they are, so that a field is named once for the page, the API and its description.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import ConfigDict

from gateway.core.protocols import History
from gateway.core.readout import Event, Value

_DESCRIBED = ConfigDict(use_attribute_docstrings=True)

Quality = Literal["good", "suspect", "stale", "missing", "unread"]
"""suspect: outside its plausible range. stale: not renewed in time. missing: the device gave none. unread: not yet."""
Severity = Literal["notice", "warning", "error"]
DeviceState = Literal[
    "ok", "partial", "no_answer", "refused", "corrupt_frame", "link_down", "skipped", "unread", "silent"
]
"""The status of the last readout; unread: none since the start. silent: readouts themselves stopped coming."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. The texts `trouble.<code>.what` and `trouble.<code>.do` say it in words."""

    __pydantic_config__ = _DESCRIBED
    code: str
    severity: Severity
    words: Mapping[str, str] = field(default_factory=dict)
    """What the texts name in braces."""


@dataclass(frozen=True, slots=True)
class PointFacts:
    """One point of one device as it is now."""

    __pydantic_config__ = _DESCRIBED
    name: str
    """In the vocabulary."""
    unit: str
    quality: Quality
    interval_s: float
    """How often it is read."""
    value: Value = None
    """In the unit of the vocabulary; of a stale point the last one, None where it is missing or unread."""
    raw: tuple[int, ...] = ()
    """Registers behind the value, where the protocol has registers."""
    age_s: float | None = None
    """Since it was acquired; None where it never was."""
    factor: float = 1.0
    """value = raw number * factor + offset."""
    offset: float = 0.0
    origin: Mapping[str, str | int | float] = field(default_factory=dict)
    """Where the raw value stands in the device: table, address, type, word order, or the record's code."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A document that the profile was made from."""

    __pydantic_config__ = _DESCRIBED
    document: str
    version: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What the device's profile says about the model."""

    __pydantic_config__ = _DESCRIBED
    id: str
    digest: str
    """First 8 hexadecimal digits of the SHA-256 of its file."""
    maker: str
    model: str
    kind: str
    protocol: str
    sources: tuple[SourceFacts, ...] = ()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completeness:
    """Readouts that were due in a stretch of a local day. `due - got - failed` are not there at all."""

    __pydantic_config__ = _DESCRIBED
    since_ms: int
    due: int
    got: int
    """With values."""
    failed: int = 0
    """Asked for, and without any value."""
    until_ms: int | None = None
    """End of what was counted; None: now."""
    counted: Literal["start", "store"] = "start"
    """Where: what came since the program started, or what a store holds."""

    @property
    def share(self) -> float | None:
        """From 0 to 1, None while nothing was due."""
        return self.got / self.due if self.due else None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One device: what it is, how it is, what it said last."""

    __pydantic_config__ = _DESCRIBED
    site: str
    id: str
    profile: ProfileFacts
    state: DeviceState
    label: str = ""
    role: str = ""
    bus: str = ""
    unit_id: int | None = None
    serial_number: str = ""
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    """What belongs to the installation: ratios, sign, instance."""
    interval_s: float = 0.0
    """The shortest of its intervals."""
    age_s: float | None = None
    """Since its last readout, None where there was none."""
    completeness: Completeness | None = None
    """Of today."""
    yesterday: Completeness | None = None
    """None where it is not known."""
    troubles: tuple[Trouble, ...] = ()
    main_points: tuple[str, ...] = ()
    """Those that tell its story at a glance, the first one first."""
    points: tuple[PointFacts, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Status → readouts since the start."""

    def point(self, name: str) -> PointFacts | None:
        """Return the point of that name."""
        return next((point for point in self.points if point.name == name), None)

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.id


@dataclass(frozen=True, slots=True)
class BusFacts:
    """One bus: a serial port or a connection, and what happened on it since the start."""

    __pydantic_config__ = _DESCRIBED
    site: str
    id: str
    port: str
    settings: str
    """Speed and framing in words, for example `9600 baud, 8N1, rtu`."""
    devices: tuple[str, ...]
    planned_load: float
    """Share of time that the plan needs; above 1 it cannot be kept."""
    load: float | None
    """Share of time that the bus was busy in the last minute; None at first."""
    requests: int = 0
    timeouts: int = 0
    late: int = 0
    """Answers that came too late or to another question; discarded."""
    foreign: int = 0
    """Answers of other devices, or to another reader; discarded."""
    corrupt: int = 0
    reopenings: int = 0
    missed: int = 0
    """Readouts that were due and for which the bus had no time."""
    backed_off: tuple[str, ...] = ()
    """Devices that are asked less often since they do not answer."""
    learnt_holes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Device → what it refuses, in words."""
    traceable: bool = True
    """Its frames can be watched here."""


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """One server that readouts are delivered to."""

    __pydantic_config__ = _DESCRIBED
    name: str
    waiting: int
    """Readouts that are not confirmed stored yet."""
    oldest_ms: int | None
    size_bytes: int
    capacity_bytes: int
    confirmed: int
    """Readouts confirmed stored since the start."""
    receipts: int
    resent: int
    """Batches that were sent again since no receipt came in time."""
    failures: int
    """Connections that failed or were lost."""
    lost: int = 0
    thinned: int = 0
    refusing: bool = False
    """The last write to the disk failed."""


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """How readouts of a site get to where they are stored."""

    __pydantic_config__ = _DESCRIBED
    site: str
    version: str
    readouts: int
    """Since the start."""
    gaps: int
    started_ms: int | None
    now_ms: int
    """By the clock of the gateway, when it was so."""
    synchronised: bool | None
    """A time service vouches for the clock of the gateway; None where it does not say."""
    disk_free_bytes: int | None
    disk_size_bytes: int | None
    destinations: tuple[DestinationFacts, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    """Everything that went wrong since the start, by kind."""
    told_ms: int | None = None
    """On a collector: when the gateway said so, by its own clock. None: now."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site at a glance."""

    __pydantic_config__ = _DESCRIBED
    id: str
    name: str
    timezone: str
    devices: int
    silent: tuple[str, ...] = ()
    """Devices without a readout, or whose last one failed."""
    age_s: float | None = None
    """Since the newest readout of any device."""
    completeness: Completeness | None = None
    """Of today, all devices together."""
    troubles: tuple[Trouble, ...] = ()

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Something that happened to the data of a site."""

    __pydantic_config__ = _DESCRIBED
    site: str
    time_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One frame on a bus, annotated."""

    __pydantic_config__ = _DESCRIBED
    time: str
    """ISO 8601, UTC."""
    direction: Literal["out", "in"]
    protocol: str
    text: str
    hex: str


Samples = Mapping[str, Sequence[tuple[int, float]]]
"""Point → UTC in milliseconds and value, ascending."""


class Facts(Protocol):
    """What the page shows. Nothing here waits for a device, and only the `async` methods wait for a store."""

    @property
    def history(self) -> History | None:
        """Where stored values are read, None where there is no store (the edge alone)."""

    def sites(self) -> Sequence[SiteFacts]:
        """Return all sites, in the order in which they are shown; one, but on a collector."""

    def devices(self, site: str) -> Sequence[DeviceFacts]:
        """Return the devices of a site in the order of its file, none where the site is unknown."""

    def device(self, site: str, device: str) -> DeviceFacts | None:
        """Return one device, None where it is unknown."""

    def buses(self, site: str) -> Sequence[BusFacts]:
        """Return the buses of a site, none where its gateway has not said anything of them."""

    def delivery(self, site: str) -> DeliveryFacts | None:
        """Return how the site's readouts are delivered, None where that is not known here."""

    def recent(self, site: str, device: str) -> Samples:
        """Return the last hour of a device, from memory, thinned for a sparkline."""

    async def events(self, site: str, device: str | None, *, limit: int) -> Sequence[EventFacts]:
        """Return the newest events that concern a site, or one device of it; newest first.

        Raises:
            SinkUnavailable: the store does not answer.
        """

    def watch(self) -> AsyncGenerator[frozenset[tuple[str, str]]]:
        """Yield (site, device) of everything that changed, without end.

        At most once a second; nothing, but at least every five seconds, where nothing changed.
        """

    def trace(self, site: str, bus: str) -> AsyncGenerator[TraceLine]:
        """Yield every frame that passes on a bus from now on; nothing where the bus is not here."""
