"""A simulated Kamstrup meter behind an optical head. It shares no code with the decoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from drivers.profile_records import KmpProfile, QuantityPoint
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.core.units import conversion
from gateway.sim.device import ValueSource
from gateway.sim.talker import Mouth

_REQUEST, _ANSWER, _END, _ESCAPE = 0x80, 0x40, 0x0D, 0x1B
_ESCAPED: Final = frozenset(b"\x80\x40\x0d\x06\x1b")
_MOST_REGISTERS: Final = 8
_TYPE_AND_REVISION: Final = bytes((0x00, 0x01, 7, 1))
_DATE, _CLOCK = 1003, 1002
_YYMMDD, _HHMMSS = 0x30, 0x2F


@dataclass(frozen=True, slots=True)
class _Served:
    """Where a quantity stands in the simulated meter, and how it says it."""

    register: int
    unit: int
    name: str
    """The unit's name, empty for a number."""
    decimals: int
    octets: int = 4


_ENERGY, _VOLUME, _PRODUCT = (3, "MWh", 3), (40, "m3", 2), (43, "m3.Cel", 0)
_FLOW, _POWER, _HEAT, _DIFFERENCE = (41, "l/h", 0), (22, "kW", 1), (37, "Cel", 2), (38, "K", 2)
_HOURS, _PLAIN = (46, "h", 0), (51, "", 0)
_SERVED: Final[Mapping[tuple[str, str, tuple[str, ...]], _Served]] = {
    ("energy", "instantaneous", ()): _Served(60, *_ENERGY),
    ("cooling_energy", "instantaneous", ()): _Served(63, *_ENERGY),
    ("volume", "instantaneous", ()): _Served(68, *_VOLUME),
    ("volume_flow", "instantaneous", ()): _Served(74, *_FLOW),
    ("power", "instantaneous", ()): _Served(80, *_POWER),
    ("flow_temperature", "instantaneous", ()): _Served(86, *_HEAT),
    ("return_temperature", "instantaneous", ()): _Served(87, *_HEAT),
    ("temperature_difference", "instantaneous", ()): _Served(89, *_DIFFERENCE),
    ("volume_flow_temperature", "instantaneous", ()): _Served(97, *_PRODUCT),
    ("volume_return_temperature", "instantaneous", ()): _Served(110, *_PRODUCT),
    ("info_code", "instantaneous", ()): _Served(99, *_PLAIN, octets=2),
    ("operating_time", "instantaneous", ()): _Served(1004, *_HOURS),
    ("volume_flow", "maximum", ("this_year",)): _Served(124, *_FLOW),
    ("power", "maximum", ("this_year",)): _Served(128, *_POWER),
}


class SimulatedKmpMeter:
    """Implements Talker: answers GetType, GetSerialNo and GetRegister; a register that it has not is left out.

    Args:
        profile: Which points it has.
        source: What it measures.
        clock: What its own clock shows, in UTC.
        vocabulary: Units of the values.
        serial_number: What it says it is.
        echoes: Whether its head gives back what it hears.
    """

    def __init__(
        self,
        profile: KmpProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "12345678",
        echoes: bool = True,
    ) -> None:
        self._source = source
        self._clock = clock
        self._vocabulary = vocabulary
        self._serial_number = int(serial_number)
        self._address = profile.kmp.address
        self._echoes = echoes
        self._points = {served: point for point in profile.points if (served := _place(point)) is not None}
        self._heard = bytearray()

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Take bytes that arrived on the line, and answer each request in them."""
        if self._echoes:
            mouth.write(chunk)
        for octet in chunk:
            if octet == _REQUEST:
                self._heard.clear()
            self._heard.append(octet)
            if octet == _END:
                answer = self._answer(_opened(bytes(self._heard)))
                self._heard.clear()
                if answer is not None:
                    mouth.write(_frame(answer))

    async def speak(self, mouth: Mouth) -> None:
        """It never speaks by itself."""

    def _answer(self, asked: bytes) -> bytes | None:
        """Return the content of the answer, None where nothing was asked of this meter."""
        if asked[:1] != bytes((self._address,)):
            return None
        match int.from_bytes(asked[1:2], "big"), asked[2:]:
            case 0x01, b"":
                return asked + _TYPE_AND_REVISION
            case 0x02, b"":
                return asked + self._serial_number.to_bytes(4, "big")
            case 0x10, ids if ids and len(ids) == 1 + 2 * ids[0] and ids[0] <= _MOST_REGISTERS:
                numbers = [int.from_bytes(ids[place : place + 2], "big") for place in range(1, len(ids), 2)]
                return asked[:2] + self._registers(numbers)
        return None

    def _registers(self, numbers: Sequence[int]) -> bytes:
        utc_ms = self._clock.utc_ms()
        now = datetime.fromtimestamp(utc_ms // 1000, UTC)
        known = self._source.values([point.point for point in self._points.values()], utc_ms=utc_ms)
        by_number = {served.register: (served, point) for served, point in self._points.items()}
        said = bytearray()
        for number in numbers:
            if number == _DATE:
                said += _value(number, _YYMMDD, Decimal(f"{now:%y%m%d}"), octets=4)
            elif number == _CLOCK:
                said += _value(number, _HHMMSS, Decimal(f"{now:%H%M%S}"), octets=4)
            elif number in by_number:
                served, point = by_number[number]
                held = known.get(point.point)
                if held is not None:
                    number_said = self._in_its_unit(served, point, float(held))
                    said += _value(number, served.unit, number_said, octets=served.octets)
        return bytes(said)

    def _in_its_unit(self, served: _Served, point: QuantityPoint, value: float) -> Decimal:
        """Return what the meter says for a value in the vocabulary's unit."""
        unit = self._vocabulary[point.point].unit
        own = conversion(served.name or "1", unit).invert(value)
        own = (own - point.offset) / point.scale
        return round(Decimal(repr(own)), served.decimals)


def _place(point: QuantityPoint) -> _Served | None:
    """Return where the point stands, None where this meter has no such quantity."""
    return _SERVED.get((point.quantity or "", point.function.value, point.qualifiers))


def _value(register: int, unit: int, number: Decimal, *, octets: int) -> bytes:
    """Return one register as it stands in an answer."""
    sign, digits, exponent = number.as_tuple()
    places = int(exponent)
    mark = (0x80 if sign else 0) | (0x40 | -places if places < 0 else places)
    mantissa = min(int("".join(map(str, digits))), (1 << 8 * octets) - 1)
    return register.to_bytes(2, "big") + bytes((unit, octets, mark)) + mantissa.to_bytes(octets, "big")


def check_of(content: bytes) -> bytes:
    """Return the two bytes by which the content is checked: its remainder as a polynomial over two elements."""
    rest = int.from_bytes(content + b"\0\0", "big")
    for place in range(rest.bit_length() - 1, 15, -1):
        if rest >> place & 1:
            rest ^= 0x11021 << place - 16
    return rest.to_bytes(2, "big")


def _frame(content: bytes) -> bytes:
    held = content + check_of(content)
    body = b"".join(bytes((_ESCAPE, 255 - octet)) if octet in _ESCAPED else bytes((octet,)) for octet in held)
    return bytes((_ANSWER,)) + body + bytes((_END,))


def _opened(frame: bytes) -> bytes:
    """Return what a request asks, nothing where it is none or damaged."""
    if frame[:1] != bytes((_REQUEST,)):
        return b""
    held, octets = bytearray(), iter(frame[1:-1])
    for octet in octets:
        held.append(255 - next(octets, 0) if octet == _ESCAPE else octet)
    content, check = bytes(held[:-2]), bytes(held[-2:])
    return content if content and check_of(content) == check else b""
