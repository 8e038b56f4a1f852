"""The role at the building: pollers → recorder → spool → relay."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.factory import Metering, open_link
from drivers.link import Link
from gateway import __version__
from gateway.app.access import mqtt_access
from gateway.app.catalogue import build_catalogue
from gateway.app.configuration import Configuration, load_configuration
from gateway.app.folders import data_folder, memory_folder
from gateway.app.local import LocalDoor
from gateway.app.local_words import socket_path
from gateway.app.machine import Machine, this_machine
from gateway.app.memory import keep_catalogue, load_holes, load_serial_numbers, save_holes, save_serial_numbers
from gateway.app.notify import NotifySocket, feed_watchdog
from gateway.app.pollers import AnyPoller, Learnt, Outlet, Pollers
from gateway.app.recorder import Live, Recorder
from gateway.broker.mqtt import MqttBroker
from gateway.core.protocols import Backlog, BrokerClient
from gateway.core.quantity import Kind, load_vocabulary
from gateway.core.readout import Event
from gateway.document.validation import fault
from gateway.poller.stamp import Stamper
from gateway.relay.relay import Relay
from gateway.relay.settings import Origin, RelaySettings
from gateway.spool.opening import open_spool
from gateway.spool.setup import MIB, SpoolSetup
from gateway.spool.spool import DurableSpool
from gateway.wire.catalogue import catalogue_id, encode_catalogue
from gateway.wire.line import LineEncoder

log = logging.getLogger(__name__)

DRAIN_STEP_S = 0.1
SPOOL_TROUBLES = ("is_refusing", "failures", "memory_failures", "lost", "thinned", "damaged")
LEARNT_EVERY_S = 60.0
CANCEL_AGAIN_S = 5.0
FINISH_S = 3.0
"""Polls in hand may take so long when stopping."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where readouts go: a broker, and how what it takes is confirmed."""

    name: str
    broker: BrokerClient
    settings: RelaySettings


@dataclass(frozen=True, slots=True)
class Lane:
    """One destination with what leads to it."""

    destination: Destination
    spool: DurableSpool
    relay: Relay


async def run_edge(path: Path, *, environment: Mapping[str, str], stop: asyncio.Event) -> None:
    """Read a site and send it to its broker until stopped.

    Raises:
        ConfigError: the site file is wrong or names no broker.
    """
    configuration = load_configuration(path, load_vocabulary())
    edge = Edge(configuration, environment=environment, destinations=[mqtt_destination(configuration, environment)])
    await edge.run(stop)


def mqtt_destination(configuration: Configuration, environment: Mapping[str, str]) -> Destination:
    """Return the broker of the site file.

    Raises:
        ConfigError: there is none, or a credential cannot be read.
    """
    site = configuration.site
    if site.broker is None:
        problem = "is missing: `kvarter edge` sends over MQTT; without a broker use `kvarter run`"
        raise fault(configuration.document, ("broker",), problem)
    access = mqtt_access(site.broker, client_id=f"kvarter-{site.site}", environment=environment)
    return Destination("mqtt", MqttBroker(site.broker, access), RelaySettings(delivery=site.delivery))


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
        self._machine = machine or this_machine(trusted=configuration.site.clock == "trusted")
        self.clock = self._machine.clock
        self._destinations = destinations
        self._live = live
        self._told = told
        self._environment = environment
        self._manager = NotifySocket(environment)
        self.data = data_folder(configuration.site.data, configuration.site.site, environment)
        self._memory = memory_folder(configuration.site.site, self.data, environment)
        self._run = f"{self._machine.random.getrandbits(64):016x}"
        self._lanes: list[Lane] = []
        self._buses: Buses | None = None
        self._encoder: LineEncoder | None = None
        self._catalogues: dict[str, bytes] = {}
        self._door = LocalDoor(socket_path(configuration.site.site, environment), clock=self.clock)
        self._recorder: Recorder | None = None
        self._holes = load_holes(self.data)
        self._serial_numbers = load_serial_numbers(self.data)
        self._others: list[Callable[[], Mapping[str, int]]] = []

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

    async def run(self, stop: asyncio.Event, *, drain_s: float = 0.0) -> None:
        """Read and send until stopped, then wait up to `drain_s` for the last receipts."""
        async with AsyncExitStack() as stack:
            await self._assemble(stack)
            async with asyncio.TaskGroup() as tasks:
                polls = [tasks.create_task(p.run(), name=f"poll[{p.link}]") for p in self._pollers]
                sends = [
                    tasks.create_task(part.run(), name=f"{name}[{lane.destination.name}]")
                    for lane in self._lanes
                    for name, part in (("spool", lane.spool), ("relay", lane.relay))
                ]
                progress = {f"poll[{p.link}]": lambda p=p: p.progress_s for p in self._pollers}
                watch = tasks.create_task(feed_watchdog(self._manager, self.clock, progress), name="watchdog")
                keep = tasks.create_task(self._keep_learnt(), name="learnt")
                door = tasks.create_task(self._door.serve(), name="local socket")
                self._manager.say("READY=1")
                log.info("%s: reading %d devices", self.configuration.site.site, len(self.configuration.devices))
                await stop.wait()
                self._manager.say("STOPPING=1")
                with suppress(TimeoutError):
                    async with asyncio.timeout(FINISH_S):
                        await asyncio.gather(*(poller.finish() for poller in self._pollers))
                await _cancelled(polls)
                await self._drain(drain_s)
                await _cancelled([*sends, watch, keep, door])
            self._save_learnt()

    async def _keep_learnt(self) -> None:
        """Save what the devices taught us whenever it has changed, so that a crash does not cost it."""
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + LEARNT_EVERY_S)
            await asyncio.to_thread(self._save_learnt)

    def _save_learnt(self) -> None:
        save_holes(self.data, self._holes)
        save_serial_numbers(self.data, self._serial_numbers)

    async def _assemble(self, stack: AsyncExitStack) -> None:
        site, vocabulary = self.configuration.site, self.configuration.vocabulary
        message = encode_catalogue(build_catalogue(self.configuration))
        catalogues = keep_catalogue(self.data, message)
        encoder = LineEncoder(site.site, vocabulary)
        floor_ms = 0
        events: list[Event] = []
        for destination in self._destinations:
            spool, found = await self._open_spool(destination.name, catalogue_id(message), encoder)
            stack.push_async_callback(spool.close)
            floor_ms = max(floor_ms, spool.last_time_ms)
            events += [event for event in found if event not in events]
            origin = Origin(site.site, self._run, __version__, catalogue_id(message), catalogues, self.troubles)
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
            Stamper(self.clock, floor_ms=floor_ms),
            clock=self.clock,
            spools=[lane.spool for lane in self._lanes],
            live=live,
        )
        self._recorder.told += self._told
        for event in events:
            self._recorder.event(event)
        for lane in self._lanes:
            await lane.spool.begin()
        pollers = Pollers(
            self.configuration,
            environment=self._environment,
            metering=Metering(self.clock, vocabulary, site.timezone),
            learnt=self.learnt,
            outlet=Outlet(self._recorder.readout, self._recorder.event, raw=bool(self._live)),
        )
        for settings in self.configuration.links:
            link = open_link(
                settings,
                clock=self.clock,
                open_stream=self._machine.open_stream,
                trace=self._door.trace(settings.id),
            )
            self._door.offer(link, [device.unit_id for device in self.configuration.on_link(settings.id)])
            stack.push_async_callback(link.close)
            self._links[settings.id] = link
            self._pollers.append(pollers.on(link))

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


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a task group that fails at the same moment swallows the cancellation."""
    pending = set(tasks)
    while pending:
        for task in tasks:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
