"""Reads points of one device: by a plan, with what was learnt from its refusals, as one readout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from drivers.link import Link
from drivers.modbus.bus import ModbusBus, NotAsked, Peer
from drivers.modbus.decode import Decoded, Decoder, decode_slot
from drivers.modbus.detours import undoubted
from drivers.modbus.holes import LearntHoles
from drivers.modbus.learning import Lessons
from drivers.modbus.pdu import ReadRequest
from drivers.modbus.plan import Block, Limits, plan_reads
from drivers.modbus.probes import probes_for
from drivers.modbus.spec import PointSpec, Slot
from drivers.modbus.timing import bus_timing
from drivers.modbus.watch import CounterWatch
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, DeviceError, NoAnswer, Refused
from gateway.core.readout import Readout, Status, Value

_ROUNDS = 16
_MOST_SILENCES = 2
_SEVERAL_BYTES = 8
_MOST_DETOURS = 32
_ADDRESS_CODES = frozenset({2, 3})
_NO_SUCH_REGISTER = frozenset({1, 2, 3})
_GATEWAY_CODES = frozenset({10, 11})
_WORST_FIRST: tuple[type[DeviceError], ...] = (NoAnswer, CorruptFrame, Refused)

Outcomes = dict[ReadRequest, bytes | DeviceError]


@dataclass(slots=True)
class _Plan:
    """How one group of points is read."""

    points: tuple[str, ...]
    blocks: tuple[Block, ...]
    decoder: Decoder
    due: set[str] = field(default_factory=set)
    """Points that must have a value: all but the optional ones that never had one."""
    is_known: bool = False
    """Its first answers were learnt from."""
    is_complete: bool = False
    """Every point had a value at least once."""


class RegisterReader:
    """One device whose registers are known.

    Args:
        peer: The device on its bus.
        bus: Where it is asked.
        limits: How it wants to be asked.
        holes: What is known of its holes; what is learnt is added.
        clock: For the instant of each readout.
    """

    def __init__(self, peer: Peer, bus: ModbusBus, *, limits: Limits, holes: LearntHoles, clock: Clock) -> None:
        self._peer = peer
        self._bus = bus
        self._limits = limits
        self._clock = clock
        self._timing = bus_timing(bus.link.settings, pause_s=peer.pause_s)
        # Without transaction id a refusal may be an older one that comes twice.
        self._lessons = Lessons(holes, confirm=1 if bus.numbered else 2)
        self._watch = CounterWatch()
        self._specs: Mapping[str, PointSpec] = {}
        self._lacking: frozenset[str] = frozenset()
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._detours: dict[tuple[Block, ...], Decoder] = {}
        self._is_lost = False

    @property
    def link(self) -> Link:
        """Where the device is."""
        return self._bus.link

    @property
    def is_lost(self) -> bool:
        """Whether the device did not answer at all the last time."""
        return self._is_lost

    def start(self, specs: Mapping[str, PointSpec], *, lacking: frozenset[str] = frozenset()) -> None:
        """Read these points from now on; what may be different after the device was away is forgotten.

        Args:
            specs: The points by name.
            lacking: Points that the device should have and has not.
        """
        self._lacking = lacking
        known = self._lessons.cuts, self._lessons.absent
        self._lessons.reset()
        if specs is self._specs and known == (self._lessons.cuts, self._lessons.absent):
            for plan in self._plans.values():
                plan.is_known = plan.is_complete = False
                plan.due = self._due(plan.points)
            return
        self._plans.clear()
        self._detours.clear()
        self._specs = specs
        self._watch.start(specs)
        self._peer.probes = probes_for(specs.values(), limits=self._limits, cuts=self._lessons.cuts)

    async def read(self, points: Sequence[str], *, keep_raw: bool = False) -> Readout:
        """Return the values of the named points, None where the device gave none.

        Raises:
            DeviceError: no value at all could be had.
            LinkDown: the port or connection is gone.
        """
        outcomes: Outcomes = {}
        for _ in range(_ROUNDS):
            plan = self._plan(tuple(points))
            if not self._bus.numbered:
                plan = self._undoubted(plan)
            await self._fetch(plan.blocks, outcomes)
            if not self._learn(plan, outcomes):
                break
        payloads = self._payloads(plan, outcomes)
        decoded = await self._verified(plan, payloads)
        return Readout(
            device=self._peer.device,
            monotonic_s=self._clock.monotonic(),
            points=plan.points,
            values=decoded.values,
            status=Status.PARTIAL if self._lacks(plan, decoded.values) else Status.OK,
            suspect=decoded.suspect,
            raw=plan.decoder.registers(payloads) if keep_raw else (),
        )

    async def read_slot(self, slot: Slot) -> float | int | str | None:
        """Return what one slot holds, read alone; None where the device has it not or it holds no value.

        Raises:
            DeviceError: the device does not answer.
            LinkDown: the port or connection is gone.
        """
        payload = await self.ask(ReadRequest(slot.table, slot.address, slot.words))
        return None if payload is None else decode_slot(slot, payload)

    async def ask(self, request: ReadRequest) -> bytes | None:
        """Return the registers as they came, None where the device has them not.

        Raises:
            DeviceError: the device does not answer, or not now.
            LinkDown: the port or connection is gone.
        """
        try:
            return await self._bus.ask(self._peer, request)
        except Refused as exc:
            if exc.code in _NO_SUCH_REGISTER:
                return None
            raise

    def use_probes(self, probes: Sequence[ReadRequest]) -> None:
        """Let these requests prove that the device owes no earlier answer, until its points are known."""
        self._peer.probes = tuple(probes)

    def _plan(self, points: tuple[str, ...]) -> _Plan:
        plan = self._plans.get(points)
        if plan is None:
            lessons = self._lessons
            specs = [self._specs[point] for point in points if point in self._specs and point not in lessons.absent]
            blocks = plan_reads(specs, limits=self._limits, bus=self._timing, cuts=lessons.cuts).blocks
            plan = self._plans[points] = _Plan(points, blocks, Decoder(points, self._specs, blocks))
            plan.due = self._due(points)
        return plan

    def _undoubted(self, plan: _Plan) -> _Plan:
        """Return the plan with other requests where late answers to its own may still come."""
        blocks = undoubted(plan.blocks, lambda request: self._bus.is_doubtful(self._peer, request))
        if blocks == plan.blocks:
            return plan
        if blocks not in self._detours:
            if len(self._detours) >= _MOST_DETOURS:
                self._detours.clear()
            self._detours[blocks] = Decoder(plan.points, self._specs, blocks)
        return replace(plan, blocks=blocks, decoder=self._detours[blocks])

    def _due(self, points: tuple[str, ...]) -> set[str]:
        """Return the points that must have a value even if they never had one."""
        specs = self._specs
        return {each for each in points if (not specs[each].optional if each in specs else each in self._lacking)}

    @staticmethod
    def _lacks(plan: _Plan, values: Sequence[Value]) -> bool:
        """Return whether a point that was due has no value; an optional one is due once it had a value."""
        if None not in values:
            if not plan.is_complete:
                plan.due.update(plan.points)
                plan.is_complete = True
            return False
        without = {point for point, value in zip(plan.points, values, strict=True) if value is None}
        plan.due.update(point for point in plan.points if point not in without)
        return not without.isdisjoint(plan.due)

    async def _fetch(self, blocks: Sequence[Block], outcomes: Outcomes) -> None:
        """Ask for every block that has no outcome yet; a device that is silent again and again is left alone."""
        silences, most = 0, 1 if self._is_lost else _MOST_SILENCES
        for block in blocks:
            request = block.request
            if request in outcomes:
                continue
            if silences >= most or (self._lessons.is_learning and self._lessons.rests(block)):
                outcomes[request] = NotAsked(f"{self._peer.device}: {request} was not asked for, since it is silent")
                continue
            try:
                outcomes[request] = await self._bus.ask(self._peer, request)
                silences = 0
            except Refused as exc:
                outcomes[request] = exc
                silences = silences + 1 if exc.code in _GATEWAY_CODES else 0
            except DeviceError as exc:
                outcomes[request] = exc
                silences += 1

    def _learn(self, plan: _Plan, outcomes: Outcomes) -> bool:
        """Return whether the refusals are a reason to ask again at once; their outcomes are then forgotten."""
        lessons, again, changed = self._lessons, False, False
        answered = [block for block in plan.blocks if isinstance(outcomes[block.request], bytes)]
        for block in plan.blocks if len(answered) < len(plan.blocks) else ():
            outcome = outcomes[block.request]
            if isinstance(outcome, Refused):
                if self._teaches(outcome) and lessons.refused(block):
                    del outcomes[block.request]
                    again = True
            elif answered and isinstance(outcome, NoAnswer) and not isinstance(outcome, NotAsked):
                changed = lessons.silent(block) or changed
        if answered and (lessons.is_learning or not plan.is_known):
            plan.is_known = True
            lessons.answered(answered)
        if again or changed:
            self._plans.clear()
            self._detours.clear()
            self._peer.probes = probes_for(self._specs.values(), limits=self._limits, cuts=lessons.cuts)
        return again

    def _teaches(self, refused: Refused) -> bool:
        return refused.code in _ADDRESS_CODES and refused.code not in self._limits.retry_codes

    def _payloads(self, plan: _Plan, outcomes: Outcomes) -> list[bytes | None]:
        """Return the answers by block.

        Raises:
            DeviceError: there is none; the worst of the reasons.
        """
        found = [outcomes[block.request] for block in plan.blocks]
        payloads = [outcome if isinstance(outcome, bytes) else None for outcome in found]
        errors = [outcome for outcome in found if isinstance(outcome, DeviceError)]
        if found and len(errors) == len(found):
            error = next(each for kind in _WORST_FIRST for each in errors if isinstance(each, kind))
            self._is_lost = isinstance(error, NoAnswer)
            raise error
        self._is_lost = False
        return [None if self._is_nothing(payload) else payload for payload in payloads]

    def _is_nothing(self, payload: bytes | None) -> bool:
        return (
            self._limits.ones_are_nothing
            and payload is not None
            and len(payload) >= _SEVERAL_BYTES
            and not payload.strip(b"\xff")
        )

    async def _verified(self, plan: _Plan, payloads: list[bytes | None]) -> Decoded:
        """Return the values, after reading once more what holds a counter that jumped.

        Raises:
            CorruptFrame: every register is 0, because the device is starting.
        """
        watch, decoder, points = self._watch, plan.decoder, plan.points
        decoded = decoder.decode(payloads)
        doubtful = watch.doubtful(points, decoded.values)
        if doubtful:
            all_zero = not any(payload and payload.strip(b"\0") for payload in payloads)
            if watch.is_starting(points, all_zero=all_zero, now_s=self._clock.monotonic()):
                raise CorruptFrame(
                    f"{self._peer.device}: every register is 0 and its counters were not: it is starting"
                )
            again: Outcomes = {}
            numbers = sorted({number for point in doubtful for number in decoder.blocks_of(point)})
            await self._fetch([plan.blocks[number] for number in numbers], again)
            for number in numbers:
                payload = again[plan.blocks[number].request]
                payloads[number] = payload if isinstance(payload, bytes) else None
            decoded = decoder.decode(payloads)
        watch.remember(points, decoded.values)
        return decoded
