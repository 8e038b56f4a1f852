"""What a simulated M-Bus meter says: the records of its points, encoded. Pure, and independent of the driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from drivers.profile_records import QuantityPoint
from gateway.core.quantity import Vocabulary
from gateway.core.units import conversion
from gateway.sim.encode import Value


@dataclass(frozen=True, slots=True)
class Said:
    """How a quantity is said: VIF, and the unit of one count."""

    vif: bytes
    unit: str
    exponent: int
    is_signed: bool = True


QUANTITIES: Final[Mapping[str, Said]] = {
    "energy": Said(b"\x03", "Wh", 0),
    "volume": Said(b"\x13", "m3", -3),
    "on_time": Said(b"\x20", "s", 0),
    "operating_time": Said(b"\x24", "s", 0),
    "power": Said(b"\x2b", "W", 0),
    "volume_flow": Said(b"\x3b", "m3/h", -3),
    "flow_temperature": Said(b"\x59", "Cel", -2),
    "return_temperature": Said(b"\x5d", "Cel", -2),
    "temperature_difference": Said(b"\x61", "K", -2),
    "external_temperature": Said(b"\x65", "Cel", -2),
    "pressure": Said(b"\x68", "bar", -3),
    "reactive_energy": Said(b"\xfb\x82\x73", "kvarh", -3),
    "reactive_power": Said(b"\xfb\x14", "kvar", -3),
    "apparent_power": Said(b"\xfb\x34", "kVA", -3),
    "frequency": Said(b"\xfb\x2c", "Hz", -3),
    "relative_humidity": Said(b"\xfb\x1a", "%", -1),
    "voltage": Said(b"\xfd\x47", "V", -2),
    "current": Said(b"\xfd\x59", "A", -3),
    "error_flags": Said(b"\xfd\x17", "", 0, is_signed=False),
    "battery_remaining": Said(b"\xfd\x74", "d", 0),
}
"""Finer than most meters, so that what is read can be compared with what was meant."""
_MAKER: Final = Said(b"\x7f", "", 0)
_COMBINED: Final[Mapping[str, bytes]] = {
    "average": b"\x12", "forward": b"\x3b", "backward": b"\x3c", "uncorrected": b"\x3a", "upper_limit": b"\x48",
    "lower_limit": b"\x40", "l1": b"\x7c\x01", "l2": b"\x7c\x02", "l3": b"\x7c\x03", "n": b"\x7c\x04",
    "l12": b"\x7c\x05", "l23": b"\x7c\x06", "l31": b"\x7c\x07", "per_litre": b"\x2c", "no_data": b"\x15",
    "standard_conform": b"\x1d",
}  # fmt: skip
_FUNCTIONS: Final[Mapping[str, int]] = {"instantaneous": 0x00, "maximum": 0x10, "minimum": 0x20, "error": 0x30}
_INT_FIELDS: Final = ((0x01, 1), (0x02, 2), (0x03, 3), (0x04, 4), (0x06, 6), (0x07, 8))
_LEAST_BYTES: Final = 2
_EXTEND: Final = 0x80


def information(point: QuantityPoint) -> tuple[bytes, Said]:
    """Return VIF and VIFE of a point's record, and how its number is meant.

    Raises:
        ValueError: the simulator cannot say such a quantity.
    """
    word = point.quantity or ""
    said = _MAKER if word == "manufacturer" else QUANTITIES.get(word)
    if said is None:
        raise ValueError(f"{point.point}: the simulator cannot say the quantity {word!r}")
    codes = bytearray(said.vif)
    makers = [name for name in point.qualifiers if name.startswith("maker_")]
    for name in point.qualifiers:
        if name in makers:
            if name == makers[0] and word != "manufacturer":
                codes.append(0x7F)
            codes.append(int(name.removeprefix("maker_"), 16))
        elif name in _COMBINED:
            codes += _COMBINED[name]
        else:
            raise ValueError(f"{point.point}: the simulator cannot say {name!r}")
    return bytes(code | _EXTEND for code in codes[:-1]) + bytes([codes[-1] & 0x7F]), said


def block(field: int, point: QuantityPoint) -> bytes:
    """Return DIF and DIFE.

    Args:
        field: The kind of number, low four bits.
        point: Its function, storage, tariff and subunit.
    """
    storage, tariff, subunit = point.storage >> 1, point.tariff, point.subunit
    octets = [field | _FUNCTIONS[point.function] | (point.storage & 1) << 6]
    while storage or tariff or subunit:
        octets[-1] |= _EXTEND
        octets.append((storage & 0x0F) | (tariff & 3) << 4 | (subunit & 1) << 6)
        storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
    return bytes(octets)


def record(point: QuantityPoint, value: Value, vocabulary: Vocabulary, *, utc_ms: int) -> bytes:
    """Return one record; a value of None as the number that means that there is none.

    Args:
        point: Of the profile.
        value: In the vocabulary's unit.
        vocabulary: Units.
        utc_ms: What the meter's clock shows, in UTC.

    Raises:
        ValueError: the simulator cannot say such a quantity.
    """
    if point.clock is not None:
        return b"\x06\x6d" + clock_octets(utc_ms)
    codes, said = information(point)
    if value is None:
        return block(0x04, point) + codes + b"\x00\x00\x00\x80" if said.is_signed else b""
    number = counts(point, value, said, vocabulary[point.point].unit)
    field, size = field_for(number, is_signed=said.is_signed)
    return block(field, point) + codes + number.to_bytes(size, "little", signed=said.is_signed)


def counts(point: QuantityPoint, value: float, said: Said, unit: str) -> int:
    """Return the whole number that says a value of the vocabulary."""
    if point.states is not None:
        return next((int(code) for code, state in point.states.items() if state == value), 0)
    line = conversion(said.unit or point.unit or "1", unit)
    held = (line.invert(float(value)) - point.offset) / point.scale
    return int(Decimal(repr(held)).scaleb(-said.exponent).quantize(Decimal(1), ROUND_HALF_EVEN))


def field_for(number: int, *, is_signed: bool) -> tuple[int, int]:
    """Return data field and bytes of the smallest binary number of at least two bytes that holds it.

    Raises:
        ValueError: it does not fit 8 bytes.
    """
    for field, size in _INT_FIELDS:
        bits = 8 * size - is_signed
        # The smallest signed number means 'no value'.
        if size >= _LEAST_BYTES and (-(1 << bits) < number < 1 << bits if is_signed else 0 <= number < 1 << bits):
            return field, size
    raise ValueError(f"{number} does not fit a record")


def clock_octets(utc_ms: int) -> bytes:
    """Return date and time with seconds as a meter that shows UTC says it (type I)."""
    now = datetime.fromtimestamp(utc_ms / 1000, UTC)
    year = now.year % 100
    octets = (
        now.second,
        now.minute,
        now.hour | now.isoweekday() << 5,
        now.day | (year & 7) << 5,
        now.month | year >> 3 << 4,
        now.isocalendar().week,
    )
    return bytes(octets)
