"""Asks Modbus units whether they are there, and those that are which model they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto

from drivers.link import Link
from drivers.modbus.bus import ModbusBus, Peer
from drivers.modbus.decode import decode_slot
from drivers.modbus.pdu import IdentificationRequest, ReadRequest, identification
from drivers.modbus.spec import Slot, slot_of
from drivers.modbus.transports import framing_of
from drivers.profile import ModbusProfile, Table
from drivers.scan.candidates import PATIENT_S, PROBE_S
from drivers.scan.fingerprint import Candidate, Value, candidate, is_lost, own_slots, promising, questions, ranked
from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, NoAnswer, Refused

_FIRST = ReadRequest(Table.HOLDING, 0, 1)
_SECOND = ReadRequest(Table.INPUT, 0, 2)
"""Another table and another length, so that a late answer to the first is none to this one."""
_PROBES = (ReadRequest(Table.HOLDING, 0, 1), ReadRequest(Table.HOLDING, 0, 2), ReadRequest(Table.INPUT, 0, 3))
_ANSWER_S = 1.0
_NO_PATH = frozenset({10, 11})
_ILLEGAL_FUNCTION = 1
_TRIES = 3
_MOST_SILENCES = 8
"""A device that is silent where it has no register is not asked for more than so many of them."""
_REQUEST_BYTES = 5
_SEVERAL = 2
_MOST_EQUAL = 4
_PART = 0.9
_OBJECTS = {0: "maker", 1: "model", 2: "firmware"}
"""Source: Modbus Application Protocol V1.1b3, section 6.21, basic objects."""


class Presence(Enum):
    """What came of asking a unit whether it is there."""

    THERE = auto()
    SILENT = auto()
    GARBLED = auto()
    """Bytes came, and no frame."""
    NO_PATH = auto()
    """A gateway answered in its place."""


class Latecomers:
    """Units that were heard at all, whenever their answers came; fed by the link's trace.

    Args:
        link: Tells how frames are told apart.
    """

    def __init__(self, link: Link) -> None:
        self._framing = framing_of(link.settings)
        self.units: set[int] = set()

    def heard(self, chunk: bytes) -> None:
        """Take what arrived."""
        for frame in self._framing.feed(chunk):
            # An adapter may hear what we send: no answer has the length of a request.
            if len(frame.pdu) != _REQUEST_BYTES:
                self.units.add(frame.unit)


class RegisterScan:
    """The units behind one link at one speed.

    Args:
        link: The port.
        clock: For pauses.
    """

    def __init__(self, link: Link, *, clock: Clock) -> None:
        self._link = link
        self._bus = link.companion(ModbusBus, lambda: ModbusBus(link, clock=clock))

    async def presence(self, unit: int, *, patient: bool = False, twice: bool = False) -> Presence:
        """Return whether the unit is there.

        Args:
            unit: Whom to ask.
            patient: Wait for it as for a slow device.
            twice: Ask for a second table where the first question meets silence.

        Raises:
            LinkDown: the port or connection is gone.
        """
        peer = Peer(f"unit {unit}", unit, PATIENT_S if patient else PROBE_S)
        answer = await self._once(peer, _FIRST)
        if answer is Presence.SILENT and twice:
            answer = await self._once(peer, _SECOND)
        return answer

    async def is_garbled(self, unit: int) -> int:
        """Return how many of three answers of the unit hold no frame.

        Raises:
            LinkDown: the port or connection is gone.
        """
        peer = Peer(f"unit {unit}", unit, PROBE_S)
        answers = [await self._once(peer, _SECOND if number % 2 else _FIRST) for number in range(_TRIES)]
        return sum(answer is Presence.GARBLED for answer in answers)

    async def recognise(
        self, unit: int, profiles: Sequence[ModbusProfile], *, known: Sequence[str] = ()
    ) -> tuple[Candidate, ...]:
        """Return the models that the unit may be, the likeliest first.

        Args:
            unit: A unit that is there.
            profiles: Models to compare with.
            known: Models of its neighbours, which are tried first.

        Raises:
            LinkDown: the port or connection is gone.
        """
        reader = SlotReader(self._bus, unit)
        found: list[Candidate | None] = []
        for profile in promising(profiles, known=known):
            for question in questions(profile):
                if is_lost(profile, reader.held):
                    break
                await reader.read(question.slot)
            else:
                found.append(candidate(profile, reader.held))
            if (last := found[-1] if found else None) is not None and last.is_certain:
                break
        return await self._settled(ranked(found), reader, {profile.profile: profile for profile in profiles})

    async def identify(self, unit: int, profile: ModbusProfile | None) -> dict[str, str]:
        """Return what the unit says about itself, where its profile or the standard says that it stands.

        Raises:
            LinkDown: the port or connection is gone.
        """
        said = await self._identification(unit) if profile is None else {}
        reader = SlotReader(self._bus, unit)
        for key in ("serial_number", "firmware", "model"):
            field = getattr(profile.identity, key) if profile is not None else None
            if field is None or profile is None:
                continue
            traits = profile.modbus
            value = await reader.read(slot_of(field, table=traits.table, word_order=traits.word_order))
            if value is not None:
                said[key] = str(value)
        return said

    async def registers(self, unit: int, request: ReadRequest) -> bytes | None:
        """Return registers as they came, None where the unit gives none.

        Raises:
            LinkDown: the port or connection is gone.
        """
        try:
            return await self._bus.ask(Peer(f"unit {unit}", unit, _ANSWER_S, probes=_PROBES), request)
        except (NoAnswer, Refused, CorruptFrame):
            return None

    async def _settled(
        self, candidates: tuple[Candidate, ...], reader: "SlotReader", profiles: Mapping[str, ModbusProfile]
    ) -> tuple[Candidate, ...]:
        """Return the candidates, those that fit equally well in the order of what the device has of each alone."""
        equal = [each for each in candidates if each.confidence == candidates[0].confidence][:_MOST_EQUAL]
        if len(equal) < _SEVERAL:
            return candidates
        own: dict[str, tuple[Slot, ...]] = own_slots([profiles[each.profile] for each in equal])
        shown: dict[str, int] = {}
        for each in equal:
            held = [await reader.read(slot) for slot in own[each.profile]]
            lacks = any(not isinstance(value, (int, float)) or value == 0 for value in held)
            shown[each.profile] = -1 if lacks else len(held)
        most = max(shown.values())
        # What is a part of another model's registers fits that model, too: the one of which more is there is likelier.
        doubted = [
            each if shown[each.profile] == most else replace(each, confidence=each.confidence * _PART) for each in equal
        ]
        return ranked([*doubted, *candidates[len(equal) :]])

    async def _once(self, peer: Peer, request: ReadRequest) -> Presence:
        try:
            await self._bus.ask(peer, request)
        except Refused as exc:
            return Presence.NO_PATH if exc.code in _NO_PATH else Presence.THERE
        except NoAnswer:
            return Presence.SILENT
        except CorruptFrame:
            return Presence.GARBLED
        return Presence.THERE

    async def _identification(self, unit: int) -> dict[str, str]:
        try:
            pdu = await self._bus.ask(Peer(f"unit {unit}", unit, _ANSWER_S), IdentificationRequest())
        except (NoAnswer, Refused, CorruptFrame):
            return {}
        return {_OBJECTS[number]: text for number, text in identification(pdu).items() if number in _OBJECTS and text}


class SlotReader:
    """Reads each place of one device once, and remembers what it does not have.

    Args:
        bus: Where it is asked.
        unit: Its unit id.
    """

    def __init__(self, bus: ModbusBus, unit: int) -> None:
        self._bus = bus
        self._peer = Peer(f"unit {unit}", unit, _ANSWER_S, probes=_PROBES)
        self._silences = 0
        self._lacking: set[Table] = set()
        self.held: dict[Slot, Value] = {}

    async def read(self, slot: Slot) -> Value:
        """Return what the place holds, None where there is nothing.

        Raises:
            LinkDown: the port or connection is gone.
        """
        if slot not in self.held:
            self.held[slot] = await self._ask(slot)
        return self.held[slot]

    async def _ask(self, slot: Slot) -> Value:
        if slot.table in self._lacking or self._silences >= _MOST_SILENCES:
            return None
        try:
            payload = await self._bus.ask(self._peer, ReadRequest(slot.table, slot.address, slot.words))
        except Refused as exc:
            if exc.code == _ILLEGAL_FUNCTION:
                self._lacking.add(slot.table)
            return None
        except (NoAnswer, CorruptFrame):
            self._silences += 1
            return None
        return decode_slot(slot, payload)


Progress = Callable[[int, int, str], None]
"""Called with what is done, of how much, and what is being done now."""
