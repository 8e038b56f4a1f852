"""`kvarter simulate`: one profile as a device on a real socket or line, with faults in front where asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivers.catalog import Catalog
from drivers.profile import ModbusProfile, RegisterProfile, SunspecProfile
from drivers.profile_records import RecordProfile
from gateway.app.clock import SystemClock
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.document.tree import load_document
from gateway.sim.capture import CaptureTalker, load_capture
from gateway.sim.device import SimulatedDevice, ValueSource
from gateway.sim.faults import Mischief, parse_faults
from gateway.sim.image import Layout, lay_out
from gateway.sim.life import Life
from gateway.sim.meters import simulated_meter
from gateway.sim.plan import plan_for
from gateway.sim.proxy import proxy_pty, proxy_tcp
from gateway.sim.server import serve_pty, serve_tcp
from gateway.sim.talker import Talker, talk_pty, talk_tcp
from gateway.sim.truth import TruthLog
from gateway.sim.values import FixedValues, load_values, parse_numbers

LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to serve, and where."""

    profile: str | None = None
    capture: Path | None = None
    """Replays what a trace caught, in the place of a profile."""
    listen: str | None = None
    """HOST:PORT, for a socket."""
    pty: Path | None = None
    """For a pseudo-terminal."""
    unit: int | None = None
    framing: Literal["tcp", "rtu"] = "tcp"
    values: Path | None = None
    faults: str = ""
    seed: int = 0
    log: Path | None = None
    """Notes every answer, for whoever wants to know later what was served."""


async def run_simulation(wanted: Simulation, *, stop: asyncio.Event, announce: Callable[[str], None]) -> None:
    """Serve until stopped; say where as soon as it can be connected to.

    Raises:
        ConfigError: the profile, the values, the faults or the place are wrong.
    """
    if wanted.capture is not None:
        await _run_talker(wanted, CaptureTalker(load_capture(wanted.capture)), wanted.capture.name, stop, announce)
        return
    vocabulary = load_vocabulary()
    profile = Catalog(vocabulary).find(wanted.profile or "").profile
    if not isinstance(profile, ModbusProfile | SunspecProfile):
        await _run_meter(wanted, profile, vocabulary, stop=stop, announce=announce)
        return
    async with AsyncExitStack() as stack:
        log = stack.enter_context(TruthLog(wanted.log)) if wanted.log else None
        device = _device(wanted, profile, vocabulary, log=log)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        where = await stack.enter_async_context(_served(wanted, device, tasks))
        announce(f"{profile.profile} as unit {device.unit_id} on {where}")
        await stop.wait()


async def _run_meter(
    wanted: Simulation,
    profile: RecordProfile,
    vocabulary: Vocabulary,
    *,
    stop: asyncio.Event,
    announce: Callable[[str], None],
) -> None:
    """Serve a meter that is not Modbus, on a socket as behind a transparent converter, or on a pseudo-terminal."""
    if wanted.faults or wanted.log:
        raise ConfigError(f"{profile.profile} speaks {profile.protocol}: --faults and --log are for Modbus devices")
    names = [point.point for point in profile.points]
    source: ValueSource = Life(names, vocabulary, plan=plan_for(profile.kind, wanted.seed), seed=wanted.seed)
    if wanted.values is not None:
        source = FixedValues(parse_numbers(load_document(wanted.values), names))
    meter = simulated_meter(profile, source, clock=SystemClock(trusted=True), vocabulary=vocabulary)
    await _run_talker(wanted, meter, profile.profile, stop, announce)


async def _run_talker(
    wanted: Simulation, talker: Talker, name: str, stop: asyncio.Event, announce: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        if wanted.pty is not None:
            where = str(await stack.enter_async_context(talk_pty(talker, wanted.pty)))
        else:
            host, port = _split(wanted.listen or "")
            where = await stack.enter_async_context(talk_tcp(talker, host=host, port=port))
        announce(f"{name} on {where}")
        await stop.wait()


def _device(
    wanted: Simulation, profile: RegisterProfile, vocabulary: Vocabulary, *, log: TruthLog | None
) -> SimulatedDevice:
    layout = lay_out(profile, vocabulary, name=profile.profile)
    unit_id = profile.link_defaults.unit_id if wanted.unit is None else wanted.unit
    sources = _sources(wanted, profile, layout, vocabulary)
    return SimulatedDevice(
        profile.profile, layout.image, sources=sources, unit_id=unit_id, clock=SystemClock(trusted=True), log=log
    )


def _sources(
    wanted: Simulation, profile: RegisterProfile, layout: Layout, vocabulary: Vocabulary
) -> Mapping[int, ValueSource]:
    """Return where the values of each instance come from."""
    if wanted.values is not None:
        fixed = load_values(wanted.values, layout.points[1])
        return dict.fromkeys(layout.points, fixed)
    plans = {instance: plan_for(profile.kind, wanted.seed + instance) for instance in layout.points}
    return {
        instance: Life(
            [placed.name for placed in points], vocabulary, plan=plans[instance], seed=wanted.seed + instance
        )
        for instance, points in layout.points.items()
    }


@asynccontextmanager
async def _served(wanted: Simulation, device: SimulatedDevice, tasks: asyncio.TaskGroup) -> AsyncIterator[str]:
    """Serve the device, behind the fault proxy where faults are asked for; yield where."""
    mischief = Mischief(parse_faults(wanted.faults), framing=_line(wanted), seed=wanted.seed) if wanted.faults else None
    async with AsyncExitStack() as stack:
        if wanted.pty is not None:
            behind = wanted.pty.with_name(f".{wanted.pty.name}.device") if mischief else wanted.pty
            path = await stack.enter_async_context(serve_pty([device], behind))
            yield str(await stack.enter_async_context(proxy_pty(path, wanted.pty, mischief)) if mischief else path)
            return
        listen = wanted.listen or ""
        host, port = _split(listen)
        if mischief is None:
            yield await stack.enter_async_context(serve_tcp([device], host=host, port=port, framing=wanted.framing))
            return
        target = await stack.enter_async_context(serve_tcp([device], framing=wanted.framing))
        yield await stack.enter_async_context(proxy_tcp(target, mischief, tasks=tasks, listen=listen))


def _line(wanted: Simulation) -> Literal["tcp", "rtu"]:
    return "rtu" if wanted.pty is not None else wanted.framing


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > LAST_PORT:
        raise ConfigError(f"--listen {listen}: write HOST:PORT, for example 127.0.0.1:5020")
    return host.strip("[]"), int(port)
