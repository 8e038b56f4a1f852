"""The simulated machine at the building, and the one where the store is; both run the product's own programs."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from gateway.app.configuration import load_configuration
from gateway.app.edge import Edge
from gateway.app.lanes import Destination
from gateway.app.machine import Machine
from gateway.collector.collector import Collector, Surroundings
from gateway.collector.settings import CollectorSettings, Origin
from gateway.core.protocols import Files, Stream
from gateway.core.quantity import Vocabulary
from gateway.core.readout import Readout
from gateway.core.site import LinkSettings
from gateway.relay.settings import RelaySettings
from tests.simulation.broker import SimBroker
from tests.simulation.bus import SimBus
from tests.simulation.clock import SimClock, TrueTime
from tests.simulation.disk import FailingFiles, Process, files_of
from tests.simulation.loop import chance
from tests.simulation.profiles import PLACES, SITE, write_site
from tests.simulation.store import SimStore
from tests.simulation.truth import Boot, Complain, Truth

_WRITTEN_LATELY_S = 30.0


@dataclass
class Life:
    """One run of a program."""

    process: Process
    stop: asyncio.Event
    task: "asyncio.Task[None]"
    started_s: float
    died_s: float | None = None
    boot: int = 0


class Cut(NamedTuple):
    """A power cut."""

    at_s: float
    """On the loop."""
    back_s: float
    wrong_ms: float
    """How far the wall clock was from the truth when it came."""


@dataclass
class Gateway:
    """Power, clock, disks, buses, and the program that reads them."""

    folder: Path
    random: Random
    broker: SimBroker
    buses: dict[str, SimBus]
    vocabulary: Vocabulary
    truth: Truth
    true: TrueTime
    complain: Complain
    down: asyncio.Event
    """Is set when the program ends."""
    relay: RelaySettings
    has_memory: bool = True
    lives: list[Life] = field(default_factory=list)
    cuts: list["Cut"] = field(default_factory=list)
    sampled: Callable[[Readout, int | None], None] = lambda _, __: None
    is_on: bool = True

    def __post_init__(self) -> None:
        self.site = write_site(self.folder)
        self.flash = FailingFiles()
        self.memory = FailingFiles()
        self.boot = Boot(0, SimClock(self.true, self.true.now_s(), drift_ppm=self.random.uniform(-40, 40)))
        self._devices = {device.name: device for bus in self.buses.values() for device in bus.devices.values()}
        self._edge: Edge | None = None
        # What is in the tests' own folder never changes, so it is read once.
        self._configuration = load_configuration(self.site, self.vocabulary)

    @property
    def life(self) -> Life | None:
        """The program that runs now."""
        return self.lives[-1] if self.lives and self.lives[-1].died_s is None else None

    @property
    def waiting(self) -> int:
        """What waits in the spool."""
        return self._edge.backlog().waiting if self._edge is not None else 0

    def start(self) -> None:
        """Start the program, unless it runs or there is no power."""
        if self.life is not None or not self.is_on:
            return
        process = Process("edge", on_death=self._died)
        environment = {"RUNTIME_DIRECTORY": str(self.folder / "run")}
        (self.folder / "run").mkdir(exist_ok=True)
        if not self.has_memory:
            # A file where the folder of the memory is to be.
            (self.folder / "run" / f"spool-{SITE}").touch()
        boot = self.boot
        boot.is_dying = False
        machine = Machine(
            clock=boot.clock,
            random=chance(self.random.getrandbits(64)),
            boot_id=f"boot {boot.number}",
            open_stream=self._open_stream,
            open_files=partial(self._files, process),
        )
        self._edge = Edge(
            self._configuration,
            environment=environment,
            destinations=[Destination("mqtt", self.broker.client(process), self.relay)],
            live=[partial(self._sampled, process, boot)],
            machine=machine,
        )
        stop = asyncio.Event()
        task = process.owner.begin(self._edge.run(stop, drain_s=60.0))
        life = Life(process, stop, task, self.true.now_s(), boot=boot.number)
        task.add_done_callback(partial(self._ended, life))
        self.lives.append(life)

    async def kill(self) -> None:
        """Let the program die, as by SIGKILL."""
        life = self.life
        if life is None:
            return
        life.process.die()
        await life.process.owner.end()

    async def stop(self) -> None:
        """Let the program end in good order, as by SIGTERM."""
        life = self.life
        if life is None:
            return
        life.stop.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(150):
                await asyncio.wait([life.task])
        if not life.task.done():
            self.complain("never-stuck", "the edge did not stop within 150 s")
        life.process.die()
        await life.process.owner.end()

    async def cut_power(self, random: Random, off_s: float, *, loses_time: bool | None = None) -> None:
        """Let the machine lose its power, and have it back after a while, perhaps without knowing the time."""
        if not self.is_on:
            return
        cut_s, self.is_on = self.true.now_s(), False
        await self.kill()
        self.flash.power_cut(random)
        self.memory.vanish()
        self._spoil_small_files(random)
        self.cuts.append(Cut(cut_s, cut_s + off_s, abs(self.boot.clock.error_ms)))
        await asyncio.sleep(off_s)
        clock = SimClock(self.true, self.true.now_s(), drift_ppm=self.random.uniform(-40, 40))
        if loses_time if loses_time is not None else random.random() < 0.6:
            behind_ms = random.choice((off_s * 1000, 3_600_000.0, 400 * 86_400_000.0))
            clock.lose(-behind_ms)
            sync_s = random.choice((3.0, 45.0, 500.0, 590.0, 900.0, 4000.0))
            asyncio.get_running_loop().call_later(sync_s, clock.find)
        self.boot, self.is_on = Boot(self.boot.number + 1, clock), True

    def _died(self) -> None:
        self.down.set()
        self.boot.is_dying = True
        life = self.life
        if life is not None:
            life.died_s = self.true.now_s()
            for session in [each for each in self.broker.sessions if each.belongs_to(life.process)]:
                session.end()
            life.task.cancel()

    def _ended(self, life: Life, task: "asyncio.Task[None]") -> None:
        """Complain when the program ended by itself."""
        if life.process.is_alive and not life.stop.is_set():
            error = "cancelled" if task.cancelled() else repr(task.exception())
            self.complain("never-stuck", f"the edge ended by itself: {error}")
            life.process.die()
        elif not task.cancelled() and task.exception() is not None and life.process.is_alive:
            self.complain("never-stuck", f"the edge stopped with an error: {task.exception()!r}")

    async def _open_stream(self, settings: LinkSettings) -> Stream:
        return await self.buses[settings.id].open(settings)

    def _files(self, process: Process, folder: Path) -> Files:
        return files_of(self.flash if "data" in folder.parts else self.memory, process)

    def _sampled(self, process: Process, boot: Boot, readout: Readout, time_ms: int | None) -> None:
        if process.is_alive or boot.is_dying:
            self.truth.note(readout, time_ms, device=self._devices[readout.device], boot=boot)
            self.sampled(readout, time_ms)

    def _spoil_small_files(self, random: Random) -> None:
        """Lose what was written lately and never synced, as file systems do."""
        for path in sorted((self.folder / "data").rglob("*")):
            if path.is_file() and random.random() < 0.2:
                path.write_bytes(b"" if random.random() < 0.5 else path.read_bytes()[: random.randrange(200)])


@dataclass
class Station:
    """The machine where the store is."""

    folder: Path
    random: Random
    broker: SimBroker
    store: SimStore
    vocabulary: Vocabulary
    true: TrueTime
    complain: Complain
    down: asyncio.Event
    """Is set when the program ends."""
    _process: Process | None = None

    def start(self) -> None:
        """Start the collector, unless it runs."""
        if self._process is not None and self._process.is_alive:
            return
        self.folder.mkdir(exist_ok=True)
        process = self._process = Process("collector", on_death=self.down.set)
        random = chance(self.random.getrandbits(64))
        collector = Collector(
            self.broker.client(process),
            {"store": self.store},
            surroundings=Surroundings(SimClock(self.true, self.true.now_s()), random, self.vocabulary, self.folder),
            settings=CollectorSettings(origin=Origin("collector-00000001", f"{random.getrandbits(64):016x}", "1.0")),
        )
        task = process.owner.begin(collector.run(asyncio.Event()))
        task.add_done_callback(partial(self._ended, process))

    async def kill(self) -> None:
        """Let the collector die."""
        process = self._process
        if process is None:
            return
        process.die()
        for session in [each for each in self.broker.sessions if each.belongs_to(process)]:
            session.end()
        await process.owner.end()

    def forget(self) -> None:
        """Lose the data folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ended(self, process: Process, task: "asyncio.Task[None]") -> None:
        if process.is_alive:
            error = "cancelled" if task.cancelled() else repr(task.exception())
            self.complain("never-stuck", f"the collector ended by itself: {error}")


def device_names() -> list[str]:
    """Return the devices of the site."""
    return [place.name for place in PLACES]
