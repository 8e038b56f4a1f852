"""What the page knows of a gateway: the facts of an edge, alone or with its store."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from drivers.meters import STREAMS
from drivers.scan.annotate import Annotator
from gateway import __version__
from gateway.app.catalogue import build_catalogue
from gateway.app.completeness import StoredCompleteness
from gateway.app.configuration import Configuration
from gateway.app.edge import Edge
from gateway.app.page_condition import Speaker, buses_of, delivery_of, delivery_troubles
from gateway.app.page_devices import Place, device_facts, profile_facts
from gateway.app.page_memory import Changed, SiteMemory, Watchers, all_together
from gateway.core.clock import Clock
from gateway.core.protocols import History
from gateway.core.readout import Event, Readout
from gateway.web.facts import (
    BusFacts,
    DeliveryFacts,
    DeviceFacts,
    EventFacts,
    Samples,
    SiteFacts,
    TraceLine,
)

_EVENTS_KEPT = 200
_PAUSE_S = 0.2

StoredEvents = Callable[[str, str | None, int], Awaitable[Sequence[EventFacts]]]
"""Returns the newest stored events of a site, or of one of its devices."""


class EdgeFacts:
    """The facts of one gateway.

    Args:
        configuration: Its site.
        clock: Its clock.
        history: Where its readouts are stored; None where that is elsewhere.
        stored_events: Reads events of the store; None: those since the start, from memory.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        clock: Clock,
        history: History | None = None,
        stored_events: StoredEvents | None = None,
    ) -> None:
        site = configuration.site
        self._clock = clock
        self._history = history
        self._stored_events = stored_events
        self._watchers = Watchers(clock)
        self._memory = SiteMemory(site.site, timezone=site.timezone, clock=clock, watchers=self._watchers)
        self.obey(configuration)
        self._events: deque[EventFacts] = deque(maxlen=_EVENTS_KEPT)
        self._edge: Edge | None = None
        self._completeness: StoredCompleteness | None = None

    def obey(self, configuration: Configuration) -> None:
        """Show another configuration of the same site from now on."""
        self._configuration = configuration
        self._catalogue = build_catalogue(configuration)
        self._settings = {device.settings.id: device for device in configuration.devices}
        self._profiles = {
            name: profile_facts(entry, self._settings[name].file.profile)
            for name, entry in self._catalogue.devices.items()
        }

    def show(self, readout: Readout, time_ms: int | None) -> None:
        """Remember a readout; a live show of the recorder."""
        self._memory.show(readout, time_ms)

    def event(self, event: Event) -> None:
        """Remember an event."""
        self._events.append(EventFacts(self._site_id, self._clock.utc_ms(), event))

    def look_at(self, edge: Edge) -> None:
        """Take buses and deliveries from a gateway, and follow what its site file says."""
        self._edge = edge
        edge.on_reload(self.obey)

    def keep_in(
        self, history: History, stored_events: StoredEvents, *, completeness: StoredCompleteness | None = None
    ) -> None:
        """Read what was stored from a store that was opened meanwhile."""
        self._history, self._stored_events, self._completeness = history, stored_events, completeness

    @property
    def history(self) -> History | None:
        """Where stored values are read."""
        return self._history

    @property
    def _site_id(self) -> str:
        return self._configuration.site.site

    def sites(self) -> Sequence[SiteFacts]:
        """Return the one site."""
        site = self._configuration.site
        devices = self.devices(site.site)
        ages = [device.age_s for device in devices if device.age_s is not None]
        delivery = self.delivery(site.site)
        return [
            SiteFacts(
                id=site.site,
                name=site.name,
                timezone=site.timezone,
                devices=len(devices),
                silent=tuple(device.id for device in devices if device.state not in {"ok", "partial"}),
                age_s=min(ages, default=None),
                completeness=all_together(device.completeness for device in devices),
                troubles=tuple(delivery_troubles(delivery) if delivery else ()),
            )
        ]

    def devices(self, site: str) -> Sequence[DeviceFacts]:
        """Return the devices in the order of the site file."""
        if site != self._site_id:
            return ()
        return [self._device(name) for name in self._catalogue.devices]

    def device(self, site: str, device: str) -> DeviceFacts | None:
        """Return one device."""
        return self._device(device) if site == self._site_id and device in self._catalogue.devices else None

    def buses(self, site: str) -> Sequence[BusFacts]:
        """Return the buses, once the gateway has opened them."""
        if site != self._site_id or self._edge is None:
            return ()
        return buses_of(self._speaker(self._edge), self._edge.condition.now())

    def delivery(self, site: str) -> DeliveryFacts | None:
        """Return how readouts get to where they are stored."""
        if site != self._site_id or self._edge is None:
            return None
        speaker, now_ms = self._speaker(self._edge), self._clock.utc_ms()
        return delivery_of(speaker, self._edge.condition.now(), now_ms=now_ms)

    def recent(self, site: str, device: str) -> Samples:
        """Return the last hour of a device."""
        return self._memory.recent(device) if site == self._site_id else {}

    async def events(self, site: str, device: str | None, *, limit: int) -> Sequence[EventFacts]:
        """Return the newest events.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        if self._stored_events is not None:
            return await self._stored_events(site, device, limit)
        kept = [each for each in reversed(self._events) if device is None or each.event.device in {None, device}]
        return kept[:limit]

    def watch(self) -> AsyncGenerator[Changed]:
        """Yield what changed."""
        return self._watchers.watch()

    async def trace(self, site: str, bus: str) -> AsyncGenerator[TraceLine]:
        """Yield every frame on a bus."""
        settings = next((link for link in self._configuration.links if link.id == bus), None)
        if self._edge is None or settings is None or site != self._site_id:
            return
        annotator = Annotator(settings, {protocol: make(None) for protocol, make in STREAMS.items()})
        with self._edge.door.watched(bus) as passing:
            time = ""
            while True:
                notes = []
                try:
                    async with asyncio.timeout(_PAUSE_S if time else None):
                        answer = await passing.get()
                    time = answer.time
                    notes = annotator.feed(answer.direction, bytes.fromhex(answer.traced or ""), answer.became)
                except TimeoutError:
                    notes = annotator.pause()
                for note in notes:
                    yield TraceLine(time, note.direction, note.protocol, note.text, note.octets.hex(" "))

    def pulse(self) -> None:
        """Note how busy the buses are; to be called every few seconds."""
        if self._edge is not None:
            self._edge.condition.pulse()

    def _speaker(self, edge: Edge) -> Speaker:
        return Speaker(self._site_id, __version__, edge.troubles(), is_here=True)

    def _device(self, name: str) -> DeviceFacts:
        entry = self._catalogue.devices[name]
        planned = self._settings[name]
        memory = self._memory.device(name)
        if self._completeness is not None:
            memory.note_days(self._completeness.days(self._site_id, name))
        serial_number = self._edge.learnt.serial_numbers.get(name, "") if self._edge else ""
        return device_facts(
            name,
            entry,
            self._profiles[name],
            memory=memory,
            place=Place(self._site_id, planned.settings.link, planned.unit_id, serial_number),
            now_s=self._clock.monotonic(),
        )
