"""The role at the building: pollers → recorder → spool → relay."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from drivers.factory import Metering, open_link
from drivers.link import Link
from gateway import __version__
from gateway.app.announced import announcements
from gateway.app.buses import Buses, cancelled
from gateway.app.catalogue import build_catalogue
from gateway.app.condition import EdgeCondition
from gateway.app.configuration import Configuration
from gateway.app.folders import data_folder, memory_folder
from gateway.app.lanes import Destination, Lane
from gateway.app.local import LocalDoor
from gateway.app.local_words import Said, socket_path
from gateway.app.machine import Machine, this_machine
from gateway.app.memory import (
    LearntFiles,
    footing_file,
    keep_catalogue,
    load_footing,
    load_holes,
    load_serial_numbers,
    save_footing,
)
from gateway.app.notify import NotifySocket, feed_watchdog
from gateway.app.pollers import AnyPoller, Learnt, Outlet, Pollers
from gateway.app.recorder import Live, Recorder
from gateway.app.reload import read_again
from gateway.app.replay import replay
from gateway.app.status import LastReadouts, service_status
from gateway.core.errors import ConfigError
from gateway.core.protocols import Backlog
from gateway.core.quantity import Kind
from gateway.core.readout import Event, Readout
from gateway.core.site import LinkSettings
from gateway.poller.stamp import Stamper
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin
from gateway.spool.opening import open_spool
from gateway.spool.setup import MIB, SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.line import LineEncoder

log = logging.getLogger(__name__)

DRAIN_STEP_S = 0.1
SPOOL_TROUBLES = ("is_refusing", "failures", "memory_failures", "lost", "thinned", "damaged")
LEARNT_EVERY_S = 60.0


class Edge:
    """One gateway.

    Args:
        configuration: The checked site.
        environment: Where the service manager names its folders.
        destinations: Each gets every readout, through a spool of its own.
        live: Called with every readout, which then holds the registers behind its values.
        told: Called with every event.
        machine: What it stands on; the one that this process runs on where left out.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        environment: Mapping[str, str],
        destinations: Sequence[Destination],
        live: Sequence[Live] = (),
        told: Sequence[Callable[[Event], None]] = (),
        machine: Machine | None = None,
    ) -> None:
        self.configuration = configuration
        self._started = configuration.site
        self._machine = machine or this_machine(trusted=configuration.site.clock == "trusted")
        self.clock = self._machine.clock
        self._destinations = destinations
        self._live = live
        self._told = told
        self._environment = environment
        self._manager = NotifySocket(environment)
        self.data = data_folder(configuration.site.data, configuration.site.site, environment)
        self._memory = memory_folder(configuration.site.site, self.data, environment)
        self._footing_file = footing_file(self._memory, self.data)
        self._run = f"{self._machine.random.getrandbits(64):016x}"
        self._lanes: list[Lane] = []
        self._buses: Buses | None = None
        self.last = LastReadouts()
        self._reloading = asyncio.Lock()
        self._reloaded: list[Callable[[Configuration], None]] = []
        self._catalogues: dict[str, bytes] = {}
        self._door = LocalDoor(socket_path(configuration.site.site, environment), clock=self.clock)
        self._recorder: Recorder | None = None
        self._holes = load_holes(self.data)
        self._serial_numbers = load_serial_numbers(self.data)
        self._learnt_files = LearntFiles(self.data)
        self._others: list[Callable[[], Mapping[str, int]]] = []
        self.condition = EdgeCondition(self, disk=self._machine.disk)

    @property
    def readouts(self) -> int:
        """Readouts since the start."""
        return self._recorder.readouts if self._recorder else 0

    @property
    def confirmed(self) -> int:
        """Readouts that the first destination confirmed since the start."""
        return self._lanes[0].relay.counters.released if self._lanes else 0

    @property
    def gaps(self) -> int:
        """Gaps declared since the start."""
        return self._recorder.gaps if self._recorder else 0

    def is_connected(self) -> bool:
        """Return whether every destination is connected."""
        return all(lane.relay.connected for lane in self._lanes)

    def backlog(self) -> Backlog:
        """Return what waits for the first destination."""
        return self._lanes[0].spool.backlog() if self._lanes else Backlog(0, None, 0, 0)

    def troubles(self) -> Mapping[str, int]:
        """Return what went wrong since the start, by kind."""
        counts = dict(self._buses.troubles()) if self._buses else {}
        for lane in self._lanes:
            for name, count in lane.spool.health.counters().items():
                if name in SPOOL_TROUBLES:
                    counts[f"spool_{name}"] = counts.get(f"spool_{name}", 0) + count
        for count_others in self._others:
            counts.update(count_others())
        return {name: count for name, count in counts.items() if count}

    @property
    def lanes(self) -> Sequence[Lane]:
        """The ways to the destinations, while it runs."""
        return self._lanes

    @property
    def buses(self) -> Sequence[tuple[Link, AnyPoller]]:
        """Each link with who owns it, while it runs."""
        if self._buses is None:
            return []
        return [(self._buses.links[name], poller) for name, poller in self._buses.pollers.items()]

    @property
    def learnt(self) -> Learnt:
        """What devices taught us."""
        return Learnt(self._holes, self._serial_numbers)

    @property
    def door(self) -> LocalDoor:
        """Where the bytes on a link are told."""
        return self._door

    def also_count(self, troubles: Callable[[], Mapping[str, int]]) -> None:
        """Tell what goes wrong elsewhere in this process in the status of the site, too."""
        self._others.append(troubles)

    def on_reload(self, tell: Callable[[Configuration], None]) -> None:
        """Tell of every configuration that takes the place of another."""
        self._reloaded.append(tell)

    async def run(self, stop: asyncio.Event, *, drain_s: float = 0.0, again: asyncio.Event | None = None) -> None:
        """Read and send until stopped, then wait up to `drain_s` for the last receipts.

        Args:
            stop: Set to end it.
            drain_s: How long to wait for the last receipts.
            again: Set to have the site file read again.
        """
        async with AsyncExitStack() as stack:
            buses = await self._assemble(stack)
            async with asyncio.TaskGroup() as tasks:
                buses.begin(tasks)
                sends = [
                    tasks.create_task(part.run(), name=f"{name}[{lane.destination.name}]")
                    for lane in self._lanes
                    for name, part in (("spool", lane.spool), ("relay", lane.relay))
                ]
                watching = feed_watchdog(self._manager, self.clock, buses.progress)
                self._door.answer("reload", lambda _: self._reload(buses, tasks))
                self._door.answer("status", self._status)
                self._door.answer("replay", self._replay)
                others = [
                    tasks.create_task(watching, name="watchdog"),
                    tasks.create_task(self._keep_learnt(), name="learnt"),
                    tasks.create_task(self._keep_footing(), name="clock"),
                    tasks.create_task(self._door.serve(), name="local socket"),
                    tasks.create_task(self._reload_when(again or asyncio.Event(), buses, tasks), name="reload"),
                ]
                self._manager.say("READY=1")
                log.info("%s: reading %d devices", self.configuration.site.site, len(self.configuration.devices))
                await stop.wait()
                self._manager.say("STOPPING=1")
                await cancelled([others.pop()])
                await buses.finish()
                await self._drain(drain_s)
                await cancelled([*sends, *others])
            self._save_learnt()

    async def _reload_when(self, again: asyncio.Event, buses: Buses, tasks: asyncio.TaskGroup) -> None:
        """Read the site file again whenever the event is set; a bad file changes nothing and says why."""
        while True:
            await again.wait()
            again.clear()
            try:
                await self._reload(buses, tasks)
            except ConfigError as exc:
                for line in str(exc).splitlines():
                    log.error("not reloaded, nothing was changed: %s", line)  # noqa: TRY400 - the text says it all

    async def _reload(self, buses: Buses, tasks: asyncio.TaskGroup) -> Mapping[str, object]:
        """Obey the site file as it is now.

        Raises:
            ConfigError: the file is wrong; nothing was changed.
        """
        async with self._reloading:
            after, changes = await asyncio.to_thread(read_again, self.configuration, started=self._started)
            message = encode_catalogue(build_catalogue(after))
            await buses.apply(after, self._pollers(after), tasks=tasks, between=partial(self._adopt, after, message))
            for tell in self._reloaded:
                tell(after)
        log.info("%s: reloaded: %s", after.site.site, changes.words)
        return changes.as_json()

    async def _status(self, _: Said) -> Mapping[str, object]:
        return service_status(self)

    async def _replay(self, said: Said) -> Mapping[str, object]:
        return await replay(self._lanes, since_ms=said.since_ms, to=said.to)

    def _announcements(self) -> Mapping[str, bytes]:
        return announcements(self.configuration, self.data)

    def _adopt(self, after: Configuration, message: bytes) -> None:
        """Let what is read from now on refer to another catalogue."""
        kept = {device.settings.id for device in after.devices}
        gone = [each.settings.id for each in self.configuration.devices if each.settings.id not in kept]
        self.configuration = after
        self._catalogues.update(keep_catalogue(self.data, message))
        for lane in self._lanes:
            lane.spool.rotate(catalogue_id(message))
            lane.relay.adopt(catalogue_id(message))
            for device in gone:
                lane.relay.forget(device)

    async def _keep_learnt(self) -> None:
        """Save what the devices taught us whenever it has changed, so that a crash does not cost it."""
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + LEARNT_EVERY_S)
            await asyncio.to_thread(self._save_learnt)
            if self._recorder is not None:
                self._recorder.anchored.set()

    async def _keep_footing(self) -> None:
        """Let the next process of this boot know what is known of the clock."""
        recorder, kept = self._recorder, None
        while recorder is not None:
            recorder.anchored.clear()
            if kept is None or not recorder.footing.is_about(kept):
                kept = recorder.footing
                await asyncio.to_thread(save_footing, self._footing_file, self._machine.boot_id, kept)
            await recorder.anchored.wait()

    def _save_learnt(self) -> None:
        self._learnt_files.save(self._holes, self._serial_numbers)

    async def _assemble(self, stack: AsyncExitStack) -> Buses:
        site, vocabulary = self.configuration.site, self.configuration.vocabulary
        message = encode_catalogue(build_catalogue(self.configuration))
        self._catalogues.update(keep_catalogue(self.data, message))
        encoder = LineEncoder(site.site, vocabulary)
        floor_ms = 0
        events: list[Event] = []
        for destination in self._destinations:
            spool, found = await self._open_spool(destination.name, catalogue_id(message), encoder)
            stack.push_async_callback(spool.close)
            floor_ms = max(floor_ms, spool.last_time_ms)
            events += [event for event in found if event not in events]
            origin = Origin(
                site.site,
                self._run,
                __version__,
                catalogue_id(message),
                self._catalogues,
                self.troubles,
                self._announcements if destination.settings.live else dict,
                *((self.condition.now, self.condition.worries) if destination.settings.live else ()),
            )
            relay = Relay(
                destination.broker,
                spool,
                origin=origin,
                clock=self.clock,
                random=self._machine.random,
                settings=destination.settings,
            )
            self._lanes.append(Lane(destination, spool, relay))
        live = [*self._live, *(lane.relay.show for lane in self._lanes if lane.destination.settings.live)]
        self._recorder = Recorder(
            encoder,
            Stamper(self.clock, floor_ms=floor_ms, footing=load_footing(self._footing_file, self._machine.boot_id)),
            clock=self.clock,
            spools=[lane.spool for lane in self._lanes],
            live=live,
        )
        self._recorder.told += self._told
        for event in events:
            self._recorder.event(event)
        for lane in self._lanes:
            await lane.spool.begin()
        self._buses = Buses(
            self.configuration, self._pollers(self.configuration), open_link=self._open_link, offer=self._offer
        )
        stack.push_async_callback(self._buses.close)
        return self._buses

    def _pollers(self, configuration: Configuration) -> Pollers:
        return Pollers(
            configuration,
            environment=self._environment,
            metering=Metering(self.clock, configuration.vocabulary, self.configuration.site.timezone),
            learnt=self.learnt,
            outlet=Outlet(self._record, self._tell, raw=bool(self._live)),
        )

    def _record(self, readout: Readout) -> None:
        self.last.show(readout)
        if self._recorder is not None:
            self._recorder.readout(readout)

    def _tell(self, event: Event) -> None:
        if self._recorder is not None:
            self._recorder.event(event)

    def _open_link(self, settings: LinkSettings) -> Link:
        trace = self._door.trace(settings.id)
        return open_link(settings, clock=self.clock, open_stream=self._machine.open_stream, trace=trace)

    def _offer(self, name: str, link: Link | None, units: Sequence[int]) -> None:
        if link is None:
            self._door.withdraw(name)
        else:
            self._door.offer(link, units)

    async def _open_spool(
        self, destination: str, catalogue: str, encoder: LineEncoder
    ) -> tuple[DurableSpool, list[Event]]:
        """Open the spool of one destination, on flash and where there is RAM-backed storage."""
        setup = SpoolSetup(
            run=self._run,
            catalogue=catalogue,
            boot_id=self._machine.boot_id,
            event_body=encoder.event,
            counters=frozenset(q.name for q in self.configuration.vocabulary.values() if q.kind is Kind.COUNTER),
            capacity_bytes=self.configuration.site.spool.size_mib * MIB,
        )
        open_files = self._machine.open_files
        flash = open_files(self.data / "spool" / destination)
        memory = open_files(self._memory / destination) if self._memory else None
        return await open_spool(flash, memory, setup=setup, clock=self.clock)

    async def _drain(self, patience_s: float) -> None:
        end_s = self.clock.monotonic() + patience_s
        while any(lane.spool.backlog().waiting for lane in self._lanes) and self.clock.monotonic() < end_s:
            await self.clock.sleep_until(self.clock.monotonic() + DRAIN_STEP_S)
