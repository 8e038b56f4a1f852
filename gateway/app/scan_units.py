"""One pass over the Modbus units behind an open port."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from drivers.link import Link
from drivers.modbus.pdu import ReadRequest
from drivers.profile import ModbusProfile, SunspecModel, SunspecProfile
from drivers.scan.candidates import Speed
from drivers.scan.found import Evidence, FoundDevice
from drivers.scan.registers import Latecomers, Presence, RegisterScan
from drivers.scan.sunspec import find_models, sunspec_candidates
from drivers.scan.survey import survey
from gateway.core.clock import Clock
from gateway.core.sentences import Sentence

_NOISE = 8
"""After so many garbled answers in a row it is the bus, not a unit."""
_EVERYWHERE = frozenset({0, 1, 255})
"""A device behind a socket that answers for all three answers for every unit."""


class Steps(Protocol):
    """Whoever sees the pass go on."""

    def stage(self, what: Sentence, total: int) -> None:
        """Note that a part of so many steps begins."""

    def step(self, done: int) -> None:
        """Note how many steps are done."""


class Sweep:
    """Asks unit after unit; one request is under way at a time.

    Args:
        evidence: What is noticed goes here.
        steps: Sees it go on.
        registers: Models with registers.
        sunspec: Models that describe themselves.
        add: Called with each device.
        only: Called with the one device that all those before it are.
    """

    def __init__(
        self,
        evidence: Evidence,
        steps: Steps,
        *,
        registers: Sequence[ModbusProfile],
        sunspec: Sequence[SunspecProfile],
        add: Callable[[FoundDevice], None],
        only: Callable[[FoundDevice], None],
    ) -> None:
        self._evidence = evidence
        self._steps = steps
        self._only = only
        self._registers = registers
        self._sunspec = sunspec
        self._add = add
        self._known: list[str] = []
        self._there: dict[int, FoundDevice] = {}
        self._late: Latecomers | None = None
        self.likely: frozenset[int] = frozenset()
        """Units that are asked twice."""
        self.models: Mapping[int, SunspecModel] = {}
        self.wants_survey = False
        self.is_open = False
        """The installer named no units: the pass may end when one device answers for all."""

    def heard(self, chunk: bytes) -> None:
        """Take what arrives on the link, for answers that come late."""
        if self._late is not None:
            self._late.heard(chunk)

    async def run(self, link: Link, units: Sequence[int], *, speed: Speed | None, clock: Clock) -> bool:
        """Return whether anybody answered.

        Raises:
            LinkDown: the port or connection is gone.
        """
        scan, late = RegisterScan(link, clock=clock), Latecomers(link)
        self._late, self._there = late, {}
        garbled, silent, in_a_row = list[int](), list[int](), 0
        what = Sentence("scan.asking_at", {"speed": str(speed)}) if speed else Sentence("scan.asking")
        self._steps.stage(what, len(units))
        for done, unit in enumerate(units):
            presence = await scan.presence(unit, twice=unit in self.likely)
            self._evidence.asked += 1
            in_a_row = in_a_row + 1 if presence is Presence.GARBLED else 0
            if presence is Presence.THERE:
                await self._meet(scan, unit, speed)
            elif presence is Presence.GARBLED:
                garbled.append(unit)
            elif presence is Presence.SILENT:
                silent.append(unit)
            else:
                self._evidence.no_path += 1
            self._steps.step(done + 1)
            if in_a_row >= _NOISE:
                self._evidence.noisy = True
                break
            if self._answers_for_all():
                self._evidence.same_everywhere = True
                break
        await self._again(scan, sorted(late.units.intersection(silent)), speed)
        for unit in garbled if not self._evidence.noisy else ():
            self._evidence.garbled[unit] = await scan.is_garbled(unit)
        self._late = None
        return bool(self._there or garbled)

    async def _again(self, scan: RegisterScan, late: Sequence[int], speed: Speed | None) -> None:
        """Ask those once more, with patience, whose answers came too late."""
        for unit in late:
            self._evidence.late = (*self._evidence.late, unit)
            if await scan.presence(unit, patient=True) is Presence.THERE:
                await self._meet(scan, unit, speed)
            else:
                self._note(
                    FoundDevice("modbus", unit, speed=speed, note="was heard, but answers too late to be asked"), unit
                )

    async def _meet(self, scan: RegisterScan, unit: int, speed: Speed | None) -> None:
        """Find out who the unit is."""

        async def ask(request: ReadRequest) -> bytes | None:
            return await scan.registers(unit, request)

        device = FoundDevice("modbus", unit, speed=speed)
        candidates = await scan.recognise(unit, self._registers, known=self._known)
        if not (candidates and candidates[0].is_certain):
            described = await find_models(ask, self.models)
            if described is not None:
                models = sunspec_candidates(described, self._sunspec)
                note = "SunSpec models " + ", ".join(map(str, described.models))
                found = replace(device, protocol="sunspec", candidates=models, identity=described.identity, note=note)
                self._note(found, unit)
                return
        best = next((each for each in self._registers if candidates and each.profile == candidates[0].profile), None)
        identity = await scan.identify(unit, best)
        is_certain = bool(candidates) and candidates[0].is_certain
        rows = await survey(ask) if self.wants_survey and not is_certain else ()
        if best is not None:
            self._known.append(best.profile)
        self._note(replace(device, candidates=candidates, identity=identity, survey=rows), unit)

    def _note(self, device: FoundDevice, unit: int) -> None:
        self._there[unit] = device
        self._add(device)

    def _answers_for_all(self) -> bool:
        if not self.is_open or not self._there.keys() >= _EVERYWHERE:
            return False
        devices = [replace(self._there[unit], unit_id=None) for unit in _EVERYWHERE]
        if any(device != devices[0] for device in devices):
            return False
        self._only(self._there[1])
        return True
