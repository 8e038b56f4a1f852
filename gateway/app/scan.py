"""Finds what is on a port: listens, asks who is there, and which model each of them is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from drivers.catalog import Catalog, load_sunspec_models
from drivers.link import Link, Trace
from drivers.meters import STREAMS
from drivers.profile import ModbusProfile, Profile, SunspecProfile
from drivers.profile_records import KmpProfile, MbusProfile, ObisProfile
from drivers.scan.candidates import (
    LISTENING_SPEEDS,
    MBUS_SPEEDS,
    MODBUS_SPEEDS,
    Parity,
    Speed,
    likely_units,
    speeds,
    unit_order,
)
from drivers.scan.ear import Ear
from drivers.scan.fingerprint import suits
from drivers.scan.found import Evidence, Findings, FoundDevice
from drivers.scan.telegrams import meter_identity, telegram_candidates
from gateway.app.scan_units import Sweep
from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, LinkDown
from gateway.core.sentences import Sentence
from gateway.core.site import LinkSettings

FEW = 6
"""So many likely units are asked at each speed before one speed is searched whole."""
WHOLE_SPEEDS = 2
"""So many speeds are searched whole where nobody answered at any."""
_ELSEWHERE_S = 3.0
"""How long another speed is listened at, once it is known that somebody speaks."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the installer asked for."""

    link: LinkSettings
    """The port; without baud rate and parity where these are not known."""
    baudrate: int | None = None
    parity: Parity | None = None
    units: tuple[int, ...] | None = None
    mbus: bool = False
    """Search meters on an M-Bus instead of Modbus units."""
    quick: bool = False
    survey: bool = False
    listen_s: float = 10.5
    """Meters that send by themselves do so every 10 s at least."""

    @property
    def is_serial(self) -> bool:
        """Whether the port is a serial one."""
        return self.link.serial is not None


class Watcher(Protocol):
    """Whoever sees the scan go on."""

    def stage(self, what: Sentence, total: int) -> None:
        """Note that a part of so many steps begins."""

    def step(self, done: int) -> None:
        """Note how many steps are done."""

    def found(self, device: FoundDevice) -> None:
        """Note a device at once, so that it is known when the scan is stopped."""

    def may_send(self, reason: str) -> bool:
        """Return whether to send although somebody else does."""


OpenLink = AbstractAsyncContextManager[Link]
"""Closed behind the block."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a scan works with."""

    catalog: Catalog
    """The models that are known."""
    clock: Clock
    open_link: Callable[[LinkSettings, Trace], OpenLink]
    search_meters: Callable[[Link, Sequence[MbusProfile], Clock, Watcher], AsyncIterator[FoundDevice]]
    """Finds the meters on an M-Bus."""
    service: LinkSettings | None = None
    """The port as the service has set it that owns it; None where nobody does."""
    capture: Trace | None = None
    """Told of every byte."""


class Scan:
    """One scan of one port; what was found so far can be looked at whenever it is stopped.

    Args:
        options: What to search.
        means: What to search with.
        watcher: Sees it go on.
    """

    def __init__(self, options: ScanOptions, means: Means, watcher: Watcher) -> None:
        self._options = options
        self._means = means
        self._watcher = watcher
        evidence = Evidence(options.link.port, "serial" if options.is_serial else "socket")
        self.findings = Findings(evidence)
        self._profiles = [each for each in self._readable() if suits(each, serial=options.is_serial)]

    async def run(self) -> Findings:
        """Return what was found; what stood in the way is part of it."""
        evidence = self.findings.evidence
        try:
            evidence.through_service = self._means.service is not None
            if not evidence.through_service:
                await self._listen()
            if evidence.heard_protocol and evidence.heard_protocol != "modbus":
                return self.findings
            if self._disturbs() and not self._watcher.may_send(self._reason()):
                evidence.asked_nothing = True
                return self.findings
            await (self._search_mbus() if self._options.mbus else self._search_units())
        except LinkDown as exc:
            evidence.trouble = str(exc)
        except asyncio.CancelledError:
            evidence.interrupted = True
            raise
        return self.findings

    def _readable(self) -> Iterator[Profile]:
        """Yield the profiles that are right; one that is wrong must not keep the others from being recognised."""
        for file in self._means.catalog:
            try:
                yield file.profile
            except ConfigError as exc:
                self.findings.evidence.wrong_profiles.append(str(exc))

    def _disturbs(self) -> bool:
        return bool(self.findings.evidence.heard_octets)

    def _reason(self) -> str:
        if self.findings.evidence.heard_protocol:
            return "Another client asks on this bus. Its requests and ours can collide."
        return "Somebody speaks on this port, and it was not understood. What is sent can disturb it."

    async def _listen(self) -> None:
        """Hear whoever speaks without being asked, at the likeliest speed first."""
        options, evidence = self._options, self.findings.evidence
        first = speeds(LISTENING_SPEEDS, baudrate=options.baudrate, parity=options.parity)
        tried: tuple[Speed | None, ...] = first if options.is_serial else (None,)
        for number, speed in enumerate(tried):
            ear = await self._hear(speed, options.listen_s if number == 0 else min(_ELSEWHERE_S, options.listen_s))
            evidence.heard_octets = max(evidence.heard_octets, ear.octets)
            if ear.is_understood:
                self._understood(ear, speed)
                return
            if not ear.octets:
                # A line on which somebody speaks gives bytes at any speed, wrong ones at a wrong one.
                return

    async def _hear(self, speed: Speed | None, seconds: float) -> Ear:
        ear = Ear({protocol: make(None) for protocol, make in STREAMS.items()})
        loop = asyncio.get_running_loop()
        started_s, end_s = loop.time(), loop.time() + seconds
        what = Sentence("scan.listening_at", {"speed": str(speed)}) if speed else Sentence("scan.listening")
        self._watcher.stage(what, round(seconds * 10))
        async with self._open(speed) as link:
            while (now_s := loop.time()) < end_s and not (ear.is_understood and ear.protocol != "modbus"):
                self._watcher.step(round((now_s - started_s) * 10))
                chunk = await link.hear(deadline_s=min(end_s, now_s + 0.2))
                if chunk:
                    ear.feed(chunk)
                else:
                    ear.pause()
        ear.finish()
        return ear

    def _understood(self, ear: Ear, speed: Speed | None) -> None:
        evidence = self.findings.evidence
        evidence.heard_protocol = ear.protocol or ""
        evidence.wants_key = ear.wants_key
        evidence.heard_units = tuple(sorted(ear.asked | ear.answered))
        profiles = [each for each in self._profiles if isinstance(each, (MbusProfile, KmpProfile, ObisProfile))]
        for telegram in ear.telegrams().values():
            self._add(
                FoundDevice(
                    telegram.protocol,
                    address=telegram.meter.address or telegram.meter.serial_number,
                    speed=speed,
                    candidates=telegram_candidates(telegram, profiles),
                    identity=meter_identity(telegram.meter),
                    note=f"sends by itself, {len(telegram.records)} records",
                )
            )

    async def _search_units(self) -> None:
        options, evidence = self._options, self.findings.evidence
        registers = [each for each in self._profiles if isinstance(each, ModbusProfile)]
        sunspec = [each for each in self._profiles if isinstance(each, SunspecProfile)]
        likely = likely_units([*registers, *sunspec])
        units = unit_order(options.units, likely, socket=not options.is_serial, quick=options.quick)
        tried = self._speeds(MODBUS_SPEEDS)
        silent: list[Speed | None] = []
        sweep = Sweep(evidence, self._watcher, registers=registers, sunspec=sunspec, add=self._add, only=self._only)
        sweep.likely = frozenset(likely)
        sweep.wants_survey = options.survey
        sweep.models = load_sunspec_models()
        sweep.is_open = options.units is None
        for speed in tried:
            whole = len(tried) == 1
            if await self._sweep(sweep, speed, units if whole else units[:FEW]):
                if not whole:
                    await self._sweep(sweep, speed, units[FEW:])
            else:
                silent.append(speed)
            if evidence.any_speed:
                break
        if len(silent) == len(tried) > 1 and not options.quick:
            for speed in silent[:WHOLE_SPEEDS]:
                if await self._sweep(sweep, speed, units[FEW:]):
                    break

    async def _sweep(self, sweep: Sweep, speed: Speed | None, units: tuple[int, ...]) -> bool:
        """Return whether anybody answered at this speed."""
        if not units:
            return False
        async with self._open(speed, sweep.heard) as link:
            return await sweep.run(link, units, speed=speed, clock=self._means.clock)

    async def _search_mbus(self) -> None:
        profiles = [each for each in self._profiles if isinstance(each, MbusProfile)]
        for speed in self._speeds(MBUS_SPEEDS):
            async with self._open(speed) as link:
                async for device in self._means.search_meters(link, profiles, self._means.clock, self._watcher):
                    self._add(replace(device, speed=speed))
                self.findings.evidence.asked += link.counters.requests
            if self.findings.devices:
                return

    def _speeds(self, first: tuple[Speed, ...]) -> tuple[Speed | None, ...]:
        if not self._options.is_serial:
            return (None,)
        service = self._means.service
        if service is not None and service.baudrate is not None:
            return (Speed(service.baudrate, service.parity or "none", service.stop_bits or 1, service.data_bits),)
        return speeds(first, baudrate=self._options.baudrate, parity=self._options.parity)

    def _open(self, speed: Speed | None, heard: Callable[[bytes], None] | None = None) -> OpenLink:
        settings = speed.of(self._options.link) if speed is not None else self._options.link

        def trace(direction: Literal["out", "in"], chunk: bytes, became: str) -> None:
            if direction == "in" and heard is not None:
                heard(chunk)
            if self._means.capture is not None:
                self._means.capture(direction, chunk, became)

        return self._means.open_link(settings, trace)

    def _add(self, device: FoundDevice) -> None:
        before = next((each for each in self.findings.devices if _is_same(each, device)), None)
        if before is not None:
            if before.speed is not None and device.speed is not None:
                self.findings.evidence.any_speed |= before.speed.baudrate != device.speed.baudrate
            return
        self.findings.devices.append(device)
        self._watcher.found(device)

    def _only(self, device: FoundDevice) -> None:
        self.findings.devices[:] = [device]


def _is_same(one: FoundDevice, other: FoundDevice) -> bool:
    """Return whether a device was found once more at another speed: a pseudo-terminal or a USB meter heeds none."""
    if one.speed == other.speed or one.unit_id is None:
        return False
    models = [each.best.profile if each.best else "" for each in (one, other)]
    return (one.protocol, one.unit_id, models[0], one.identity) == (
        other.protocol,
        other.unit_id,
        models[1],
        other.identity,
    )
