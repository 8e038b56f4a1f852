"""One run: a gateway and a collector under the faults of a seed, until everything has drained, and the verdict."""

import asyncio
import gc
import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from gateway.core.quantity import load_vocabulary
from gateway.relay.settings import RelaySettings
from tests.simulation.broker import SimBroker
from tests.simulation.bus import SimBus, SimDevice
from tests.simulation.chaos import DAY_S, Fault, device_mode, draw
from tests.simulation.clock import TrueTime
from tests.simulation.gateway import Gateway, Station
from tests.simulation.loop import START_S, chance, run_virtual
from tests.simulation.profiles import LINKS, PLACES
from tests.simulation.store import Key, SimStore
from tests.simulation.truth import Truth
from tests.simulation.verdict import Verdict
from tests.simulation.wire import Auditor

RESTART_S = 2.0
"""The service manager starts a dead program again after this time."""
_HEALED_S = 900.0
_PATIENCE_S = 4 * 3600.0
_LOOK_S = 30.0
_MUCH_GARBAGE = 3_000_000
"""Objects; the worlds of several runs."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a run is made of."""

    seed: int
    days: float = 1.0
    a_day: int = 24
    faults: tuple[Fault, ...] | None = None
    """Instead of those that the seed draws."""

    @property
    def has_memory(self) -> bool:
        """Whether there is storage that survives a killed process and not a power cut; on one machine of 50 not."""
        return self.seed % 50 != 9

    def drawn(self) -> tuple[Fault, ...]:
        """Return the faults in force."""
        return draw(self.seed, days=self.days, a_day=self.a_day) if self.faults is None else self.faults


@dataclass
class Outcome:
    """What a run showed."""

    violations: list[tuple[str, str]] = field(default_factory=list)
    """Invariant and what was seen."""
    digest: str = ""
    """Of all events."""
    samples: int = 0
    rows: int = 0
    lost: int = 0
    """Samples that are not in the store, each in a gap."""
    gaps: int = 0
    starts: int = 0
    cuts: int = 0
    faults: int = 0

    @property
    def broken(self) -> list[str]:
        """The invariants that do not hold, most often violated first."""
        return [name for name, _ in Counter(name for name, _ in self.violations).most_common()]


def simulate(scenario: Scenario) -> Outcome:
    """Return what a run showed; the same scenario gives the same outcome to the last byte."""
    world_speed = _Jobs(chance(f"jobs {scenario.seed}"))
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    gc_was_on = gc.isenabled()
    gc.disable()
    try:
        with tempfile.TemporaryDirectory(prefix="kvarter-simulation-", dir=_memory()) as folder:
            return run_virtual(_World(scenario, Path(folder), world_speed).run(), job_takes_s=world_speed.next_s)
    finally:
        logging.disable(level)
        if gc_was_on:
            gc.enable()
        if gc.get_count()[0] > _MUCH_GARBAGE:
            gc.collect()


def _memory() -> str | None:
    shared = Path("/dev/shm")  # noqa: S108 - only for speed
    return str(shared) if shared.is_dir() else None


@dataclass
class _Jobs:
    """How long jobs of threads take."""

    random: Random
    slow_s: float = 0.0

    def next_s(self) -> float:
        return self.random.uniform(0.0, 0.02) + (self.random.uniform(0.0, self.slow_s) if self.slow_s else 0.0)


class _World:
    """Everything that one run consists of."""

    def __init__(self, scenario: Scenario, folder: Path, jobs: _Jobs) -> None:
        self.scenario = scenario
        self.faults = scenario.drawn()
        self.folder = folder
        self.jobs = jobs
        self.outcome = Outcome(faults=len(self.faults))
        self._hash = hashlib.blake2b(digest_size=16)

    async def run(self) -> Outcome:
        self._build()
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(self._keep_running(), name="service manager")
            async with asyncio.TaskGroup() as troubles:
                for fault in self.faults:
                    troubles.create_task(self._suffer(fault), name=fault.kind)
            await asyncio.sleep(max(0.0, START_S + self.scenario.days * DAY_S - self.true.now_s()))
            await self._drain()
            keeper.cancel()
        await self.gateway.stop()
        await self.station.kill()
        self._conclude()
        return self.outcome

    def _build(self) -> None:
        seed = self.scenario.seed
        self.true = TrueTime()
        self.down = asyncio.Event()
        self.store = SimStore(changed=self._changed)
        self.auditor = Auditor(self.store, self._complain, self._note, self.true)
        self.broker = SimBroker(chance(f"broker {seed}"), heard=self.auditor.hear)
        self.buses = {
            link: SimBus(link, framing, self._devices_of(link), chance(f"bus {link} {seed}"))
            for link, framing in LINKS.items()
        }
        vocabulary = load_vocabulary()
        self.gateway = Gateway(
            self.folder / "edge",
            chance(f"gateway {seed}"),
            self.broker,
            self.buses,
            vocabulary,
            Truth(self._complain),
            self.true,
            self._complain,
            self.down,
            RelaySettings(live=seed % 5 == 0),
            has_memory=self.scenario.has_memory,
        )
        self.gateway.sampled = lambda readout, time_ms: self._note(f"sample {readout.device} {time_ms}")
        self.station = Station(
            self.folder / "collector",
            chance(f"station {seed}"),
            self.broker,
            self.store,
            vocabulary,
            self.true,
            self._complain,
            self.down,
        )

    def _devices_of(self, link: str) -> dict[int, SimDevice]:
        return {
            place.unit: SimDevice(place.name, number, place.unit, chance(f"{place.name} {self.scenario.seed}"))
            for number, place in enumerate(PLACES, start=1)
            if place.link == link
        }

    def _complain(self, name: str, text: str) -> None:
        self.outcome.violations.append((name, text))

    def _changed(self, key: Key, before: str, after: str) -> None:
        self._complain("exactly-once", f"{key} is overwritten: {before}, then {after}")

    def _note(self, text: str) -> None:
        self._hash.update(f"{self.true.now_s():.6f} {text}\n".encode())

    async def _keep_running(self) -> None:
        """Start programs that are not running, as a service manager does."""
        while True:
            self.down.clear()
            self.station.start()
            self.gateway.start()
            if self.gateway.is_on:
                await self.down.wait()
            await asyncio.sleep(RESTART_S)

    async def _suffer(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s - self.true.now_s())
        self._note(f"{fault.kind} {fault.length_s}")
        await getattr(self, f"_suffer_{fault.kind}")(fault)

    async def _suffer_device(self, fault: Fault) -> None:
        names, mode = device_mode(fault)
        devices = [device for bus in self.buses.values() for device in bus.devices.values() if device.name in names]
        for device in devices:
            device.mode = mode
        await asyncio.sleep(fault.length_s)
        for device in devices:
            device.mode = "well"

    async def _suffer_unplug(self, fault: Fault) -> None:
        bus = self.buses[fault.random().choice(list(LINKS))]
        bus.is_unplugged = True
        bus.hang_up()
        await asyncio.sleep(fault.length_s)
        bus.is_unplugged = False

    async def _suffer_hang_up(self, fault: Fault) -> None:
        self.buses[fault.random().choice(list(LINKS))].hang_up()

    async def _suffer_kill(self, _: Fault) -> None:
        await self.gateway.kill()

    async def _suffer_kill_at_write(self, fault: Fault) -> None:
        if self.gateway.life is not None:
            self.gateway.life.process.operations_left = fault.random().randint(1, 40)

    async def _suffer_power_cut(self, fault: Fault) -> None:
        lost = {"": None, "synchronised": False, "unsynchronised": True}[fault.detail]
        await self.gateway.cut_power(fault.random(), 5.0 + fault.length_s / 20, loses_time=lost)

    async def _suffer_stop(self, _: Fault) -> None:
        await self.gateway.stop()

    async def _suffer_disk(self, fault: Fault) -> None:
        flash, kind = self.gateway.flash, fault.detail or fault.random().choice(("full", "read-only", "broken"))
        if kind == "full":
            flash.room_bytes = 0
        elif kind == "read-only":
            flash.break_down(("write", "allocate", "sync"), "Read-only file system")
        else:
            flash.break_down(("names", "read", "write", "allocate", "sync"), "Input/output error")
        await asyncio.sleep(fault.length_s)
        flash.room_bytes = None
        flash.mend()

    async def _suffer_sync_error(self, fault: Fault) -> None:
        self.gateway.flash.break_down(("sync",), "Input/output error")
        await asyncio.sleep(min(fault.length_s, 20.0))
        self.gateway.flash.mend()

    async def _suffer_slow_disk(self, fault: Fault) -> None:
        self.jobs.slow_s = 2.0
        await asyncio.sleep(fault.length_s)
        self.jobs.slow_s = 0.0

    async def _suffer_rot(self, fault: Fault) -> None:
        self._note(f"rot {self.gateway.flash.rot(fault.random())}")

    async def _suffer_broker_down(self, fault: Fault) -> None:
        self.broker.is_refusing = True
        self.broker.restart()
        await asyncio.sleep(fault.length_s)
        self.broker.is_refusing = False

    async def _suffer_broker_restart(self, _: Fault) -> None:
        self.broker.restart()

    async def _suffer_broker_cut(self, _: Fault) -> None:
        self.broker.cut()

    async def _suffer_broker_silent(self, fault: Fault) -> None:
        self.broker.is_silent = True
        await asyncio.sleep(fault.length_s)
        self.broker.is_silent = False

    async def _suffer_broker_loses(self, fault: Fault) -> None:
        self.broker.loses = float(fault.detail or fault.random().choice((0.1, 0.5, 1.0)))
        await asyncio.sleep(fault.length_s)
        self.broker.loses = 0.0

    async def _suffer_broker_repeats(self, fault: Fault) -> None:
        self.broker.repeats = float(fault.detail or fault.random().choice((0.2, 1.0)))
        await asyncio.sleep(fault.length_s)
        self.broker.repeats = 0.0

    async def _suffer_broker_delays(self, fault: Fault) -> None:
        self.broker.delays = fault.random().choice((0.2, 0.8))
        await asyncio.sleep(fault.length_s)
        self.broker.delays = 0.0

    async def _suffer_store_slow(self, fault: Fault) -> None:
        self.store.takes_s = fault.random().choice((2.0, 35.0))
        await asyncio.sleep(fault.length_s)
        self.store.takes_s = 0.01

    async def _suffer_store_fails(self, fault: Fault) -> None:
        self.store.fails = True
        await asyncio.sleep(fault.length_s)
        self.store.fails = False

    async def _suffer_store_cuts(self, fault: Fault) -> None:
        self.store.cuts = True
        await asyncio.sleep(fault.length_s)
        self.store.cuts = False

    async def _suffer_store_poison(self, fault: Fault) -> None:
        self.store.poison = fault.random().choice(PLACES).name
        await asyncio.sleep(min(fault.length_s, 600.0))
        self.store.poison = None

    async def _suffer_kill_collector(self, fault: Fault) -> None:
        await self.station.kill()
        if fault.detail or fault.random().random() < 0.2:
            self.station.forget()

    async def _suffer_clock_jump(self, fault: Fault) -> None:
        clock = self.gateway.boot.clock
        random = fault.random()
        clock.lose(float(fault.detail or random.choice((-1, 1)) * random.choice((3_600_000.0, 365 * 86_400_000.0))))
        await asyncio.sleep(fault.length_s)
        clock.find()

    async def _suffer_clock_glitch(self, fault: Fault) -> None:
        clock = self.gateway.boot.clock
        if not clock.is_synchronised:
            return
        random = fault.random()
        clock.glitch(float(fault.detail or random.choice((-1, 1)) * random.choice((1500.0, 365 * 86_400_000.0))))
        await asyncio.sleep(min(fault.length_s, 400.0))
        if clock.is_synchronised:
            clock.find()

    async def _suffer_leap(self, _: Fault) -> None:
        self.true.leaps += 1

    async def _drain(self) -> None:
        """Let everything be well, and wait until the spool is empty."""
        self.gateway.boot.clock.find()
        await asyncio.sleep(_HEALED_S)
        end_s = self.true.now_s() + _PATIENCE_S
        while self.true.now_s() < end_s:
            await asyncio.sleep(_LOOK_S)
            if self.gateway.life is not None and self.gateway.waiting == 0:
                return
        self._complain("never-stuck", f"{self.gateway.waiting} entries wait {_PATIENCE_S:.0f} s after the last fault")

    def _conclude(self) -> None:
        verdict = Verdict(self.gateway, self.store, self.faults, self.outcome.violations)
        verdict.judge()
        outcome = self.outcome
        outcome.samples = sum(map(len, self.gateway.truth.samples.values()))
        outcome.rows, outcome.lost, outcome.gaps = len(self.store.rows), verdict.lost, len(verdict.gaps)
        outcome.starts, outcome.cuts = len(self.gateway.lives), len(self.gateway.cuts)
        for (head, time_ms), row in sorted(self.store.rows.items()):
            self._note(f"row {head} {time_ms} {row.fields}")
        outcome.digest = self._hash.hexdigest()


def describe(faults: Sequence[Fault]) -> str:
    """Return the faults as text, one a line."""
    return "\n".join(f"{fault.at_s:12.3f} s  {fault.kind:14} for {fault.length_s:9.3f} s" for fault in faults)
