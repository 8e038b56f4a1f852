"""What the page knows of many sites: the facts of a collector, from the lines that its store took.

A page that needs more than `Facts` (the portfolio, for example) is handed over in `pages` of `run_collector`.
"""

import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from drivers.catalog import Catalog
from gateway.app.completeness import StoredCompleteness, kept_catalogues
from gateway.app.page_condition import Speaker, buses_of, delivery_of, delivery_troubles
from gateway.app.page_devices import Place, device_facts, profile_facts
from gateway.app.page_facts import StoredEvents
from gateway.app.page_memory import Changed, SiteMemory, Watchers, all_together, zone_of
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError
from gateway.core.protocols import History
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Event, Readout, Status
from gateway.web.facts import (
    BusFacts,
    DeliveryFacts,
    DeviceFacts,
    EventFacts,
    ProfileFacts,
    Samples,
    SiteFacts,
    TraceLine,
    Trouble,
)
from gateway.wire.catalogue import Catalogue, CatalogueDevice
from gateway.wire.condition import Condition, GatewayStatus
from gateway.wire.line import READING, Line, parse_line

log = logging.getLogger(__name__)

_EVENTS_KEPT = 1000
_STATUSES_KEPT = 10_000
_NOT_POINTS = frozenset({"status", "clock"})
_SUSPECT = "_suspect"

UNHEARD_S = 300.0
"""A site that said nothing for so long since the start is wrong, or its name is."""
_WILD = frozenset("*?")


class CollectorFacts:
    """The facts of all sites of a collector.

    Args:
        vocabulary: Of the bundled profiles.
        clock: Time.
        history: Where values are read back.
        stored_events: Reads events of the store; None: those since the start, from memory.
        sites: Patterns of the sites that are collected.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        clock: Clock,
        history: History,
        stored_events: StoredEvents | None = None,
        sites: Sequence[str] = ("*",),
    ) -> None:
        self.completeness = StoredCompleteness(history, clock=clock)
        """Counts what is stored; its `run` is a task of the role."""
        self._sites = sites
        self._started_s = clock.monotonic()
        self._clock = clock
        self._history = history
        self._stored_events = stored_events
        self._profiles = Catalog(vocabulary)
        self._watchers = Watchers(clock)
        self._catalogues: dict[str, tuple[int, Catalogue]] = {}
        self._memories: dict[str, SiteMemory] = {}
        self._models: dict[tuple[str, str], ProfileFacts] = {}
        self._uncertain: dict[str, tuple[int, bool]] = {}
        """When the newest readout of a site was made, and whether it says that nobody vouches for that time."""
        self._events: deque[EventFacts] = deque(maxlen=_EVENTS_KEPT)
        self._statuses: dict[str, GatewayStatus] = {}

    def load(self, folder: Path) -> None:
        """Know the sites of earlier from their catalogues, as far as they are collected still."""
        for came_ms, catalogue in kept_catalogues(folder):
            if any(fnmatchcase(catalogue.site, pattern) for pattern in self._sites):
                self.describe(catalogue, since_ms=came_ms)

    def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what points mean in lines from that time on."""
        self.completeness.describe(catalogue, since_ms=since_ms)
        known = self._catalogues.get(catalogue.site)
        if known is None or known[0] <= since_ms:
            self._catalogues[catalogue.site] = since_ms, catalogue

    def take(self, text: bytes) -> None:
        """Take a line that is stored."""
        line = parse_line(text)
        if line.measurement == READING:
            self._read(line)
        else:
            self._happened(line)

    @property
    def history(self) -> History:
        """Where stored values are read."""
        return self._history

    def sites(self) -> Sequence[SiteFacts]:
        """Return every site that ever sent, or is named in the file and was never heard, in the order of their ids."""
        named = {each for each in self._sites if not _WILD.intersection(each)}
        return [
            self._site(site) if site in self._catalogues else self._unheard(site)
            for site in sorted(named | self._catalogues.keys())
        ]

    def catalogue(self, site: str) -> Catalogue | None:
        """Return the newest catalogue of a site."""
        return self._catalogues[site][1] if site in self._catalogues else None

    def clock_is_uncertain(self, site: str) -> bool | None:
        """Return whether a gateway or its newest readout says that nobody vouches for its time; None: neither does."""
        status = self._statuses.get(site)
        if status is not None and status.gateway is not None and status.gateway.synchronised is not None:
            return not status.gateway.synchronised
        return self._uncertain[site][1] if site in self._uncertain else None

    def devices(self, site: str) -> Sequence[DeviceFacts]:
        """Return the devices of a site."""
        if site not in self._catalogues:
            return ()
        return [self._device(site, name, entry) for name, entry in self._catalogues[site][1].devices.items()]

    def device(self, site: str, device: str) -> DeviceFacts | None:
        """Return one device."""
        entry = self._catalogues[site][1].devices.get(device) if site in self._catalogues else None
        return None if entry is None else self._device(site, device, entry)

    def tell(self, site: str, status: GatewayStatus) -> None:
        """Take note of what a gateway says of itself; a will says no more than that it is gone."""
        before = self._statuses.get(site)
        if before is None and len(self._statuses) >= _STATUSES_KEPT:
            return
        if status.state == "online" or before is None:
            self._statuses[site] = status
        self._watchers.tell(site, "")

    def buses(self, site: str) -> Sequence[BusFacts]:
        """Return the buses of a gateway as it told them last."""
        status = self._statuses.get(site)
        if status is None or status.gateway is None or site not in self._catalogues:
            return ()
        return buses_of(_speaker(site, status), status.gateway)

    def delivery(self, site: str) -> DeliveryFacts | None:
        """Return what a gateway told last of what waits, of its clock and of its disk."""
        status = self._statuses.get(site)
        if status is None or status.state == "offline" or site not in self._catalogues:
            return None
        return delivery_of(_speaker(site, status), status.gateway or Condition(), now_ms=self._clock.utc_ms())

    def recent(self, site: str, device: str) -> Samples:
        """Return the last hour of a device."""
        memory = self._memories.get(site)
        return {} if memory is None else memory.recent(device)

    async def events(self, site: str, device: str | None, *, limit: int) -> Sequence[EventFacts]:
        """Return the newest events.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        if self._stored_events is not None:
            return await self._stored_events(site, device, limit)
        concerned = [each for each in reversed(self._events) if each.site == site]
        return [each for each in concerned if device is None or each.event.device in {None, device}][:limit]

    def watch(self) -> AsyncGenerator[Changed]:
        """Yield what changed."""
        return self._watchers.watch()

    async def trace(self, site: str, bus: str) -> AsyncGenerator[TraceLine]:  # noqa: ARG002 - buses are elsewhere
        """Yield nothing: buses are at the building."""
        nothing: Sequence[TraceLine] = ()
        for line in nothing:
            yield line

    def _read(self, line: Line) -> None:
        site = line.tags["site"]
        memory = self._memory(site)
        names = [name for name in line.fields if name not in _NOT_POINTS and not name.endswith(_SUSPECT)]
        suspect = (name.removesuffix(_SUSPECT) for name in line.fields if name.endswith(_SUSPECT))
        ago_s = (self._clock.utc_ms() - line.time_ms) / 1000
        readout = Readout(
            line.tags["device"],
            self._clock.monotonic() - ago_s,
            tuple(names),
            tuple(line.fields[name] for name in names),
            Status(int(line.fields["status"])),
            frozenset(suspect),
        )
        if line.time_ms >= self._uncertain.get(site, (0, False))[0]:
            self._uncertain[site] = line.time_ms, bool(line.fields.get("clock"))
        memory.show(readout, line.time_ms)
        self.completeness.stored(site, readout.device, line.time_ms)

    def _happened(self, line: Line) -> None:
        note = json.loads(line.comment) if line.comment else {}
        start_ms, end_ms, count = (int(line.fields[name]) for name in ("from", "to", "count"))
        kind, cause, device = line.tags["kind"], line.tags["cause"], line.tags.get("device")
        event = Event(kind, cause, start_ms, end_ms, count, device, note.get("text", ""), note.get("author", ""))
        self._events.append(EventFacts(line.tags["site"], line.time_ms, event))

    def _memory(self, site: str) -> SiteMemory:
        memory = self._memories.get(site)
        if memory is None:
            timezone = self._catalogues[site][1].timezone if site in self._catalogues else "UTC"
            memory = SiteMemory(site, timezone=timezone, clock=self._clock, watchers=self._watchers)
            self._memories[site] = memory
        return memory

    def _site(self, site: str) -> SiteFacts:
        catalogue = self._catalogues[site][1]
        devices = self.devices(site)
        ages = [device.age_s for device in devices if device.age_s is not None]
        stored_ms = None if ages else self.completeness.newest_ms(site)
        if stored_ms is not None:
            ages.append(max(0.0, (self._clock.utc_ms() - stored_ms) / 1000))
        delivery = self.delivery(site)
        return SiteFacts(
            id=site,
            name=catalogue.name,
            timezone=zone_of(catalogue.timezone).key,
            devices=len(devices),
            silent=tuple(device.id for device in devices if device.state not in {"ok", "partial"}),
            age_s=min(ages, default=None),
            completeness=all_together(device.completeness for device in devices),
            troubles=tuple(delivery_troubles(delivery) if delivery else ()),
        )

    def _unheard(self, site: str) -> SiteFacts:
        """Return a site that is to be collected and has said nothing; after some minutes that is wrong."""
        waited_s = self._clock.monotonic() - self._started_s
        age = {"age": f"{waited_s / 60:.0f} min"}
        troubles = (Trouble("unheard", "error", age),) if waited_s > UNHEARD_S else ()
        return SiteFacts(site, "", "UTC", 0, troubles=troubles)

    def _device(self, site: str, name: str, entry: CatalogueDevice) -> DeviceFacts:
        memory = self._memory(site).device(name)
        memory.note_days(self.completeness.days(site, name))
        return device_facts(
            name,
            entry,
            self._model(entry),
            memory=memory,
            place=Place(site, self._bus_of(site, name)),
            now_s=self._clock.monotonic(),
        )

    def _bus_of(self, site: str, device: str) -> str:
        """Return the bus that a device is on, as far as its gateway says."""
        status = self._statuses.get(site)
        buses = status.gateway.buses if status and status.gateway else {}
        return next((name for name, bus in buses.items() if device in bus.devices), "")

    def _model(self, entry: CatalogueDevice) -> ProfileFacts:
        """Return what is known of a model; its profile is believed only where it is the one that was used."""
        key = (entry.profile, entry.profile_digest)
        if key not in self._models:
            try:
                file = self._profiles.find(entry.profile)
                found = file.profile if file.digest == entry.profile_digest else None
            except ConfigError:
                found = None
            self._models[key] = profile_facts(entry, found)
        return self._models[key]


def _speaker(site: str, status: GatewayStatus) -> Speaker:
    return Speaker(site, status.version, {name: count for name, count in status.counters.items() if count})
