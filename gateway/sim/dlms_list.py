"""The lists that Nordic meters push, written from their makers' descriptions by other code than the driver's."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from gateway.sim.sml_registers import Register, rounded

_UNIT_CODES = {"Wh": 30, "W": 27, "varh": 32, "var": 29, "VA": 28, "V": 35, "A": 33, "Hz": 44, "1": 255}
_KAMSTRUP_SCALERS = {"Wh": 1, "varh": 1, "A": -2, "1": -2}
_AIDON_SCALERS = {"Wh": 1, "varh": 1, "A": -1, "V": -1, "1": -2}
_KAIFA_SCALERS = {"A": -3, "V": -1}
_KAIFA_ORDER = (
    (1, 7), (2, 7), (3, 7), (4, 7), (31, 7), (51, 7), (71, 7), (32, 7), (52, 7), (72, 7),
    None, (1, 8), (2, 8), (3, 8), (4, 8),
)  # fmt: skip
_CLOCK = bytes((0, 0, 1, 0, 0, 255))
Registers = Mapping[bytes, Register]
Layout = Callable[[Registers, bytes, str], tuple[bytes, bytes]]
"""Registers, time and serial number → the time of the header as it is sent, and the body."""


def octet_string(content: bytes) -> bytes:
    """Return an octet string."""
    return b"\x09" + length(len(content)) + content


def visible(text: str) -> bytes:
    """Return a visible string."""
    return b"\x0a" + length(len(text)) + text.encode("ascii")


def structure(*items: bytes) -> bytes:
    """Return a structure of encoded values."""
    return b"\x02" + length(len(items)) + b"".join(items)


def array(*items: bytes) -> bytes:
    """Return an array of encoded values."""
    return b"\x01" + length(len(items)) + b"".join(items)


def length(count: int) -> bytes:
    """Return a length: one octet up to 127, else the number of octets before it."""
    if count < 0x80:  # noqa: PLR2004 - the highest bit is the mark
        return bytes((count,))
    content = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(content),)) + content


def clock(utc_ms: int, *, deviation_min: int = 0, status: int = 0) -> bytes:
    """Return the twelve octets of a time in UTC, or as many minutes behind it as the deviation says."""
    local = datetime.fromtimestamp(utc_ms // 1000 - deviation_min * 60, UTC)
    return (
        local.year.to_bytes(2, "big")
        + bytes((local.month, local.day, local.isoweekday(), local.hour, local.minute, local.second, 0xFF))
        + deviation_min.to_bytes(2, "big", signed=True)
        + bytes((status,))
    )


def kamstrup(registers: Registers, time: bytes, serial_number: str) -> tuple[bytes, bytes]:
    """Return list Kamstrup_V0001: pairs of code and value without units."""
    pairs: list[bytes] = [
        octet_string(bytes((1, 1, 0, 0, 5, 255))), visible(serial_number),
        octet_string(bytes((1, 1, 96, 1, 1, 255))), visible("6841121BN243101040"),
    ]  # fmt: skip
    for register in registers.values():
        is_short = register.unit in ("V", "1")
        value = rounded(register.value, _KAMSTRUP_SCALERS.get(register.unit, 0))
        pairs += [octet_string(register.code), _unsigned(value, 2 if is_short else 4)]
    pairs += [octet_string(bytes((0, 1, 1, 0, 0, 255))), octet_string(time)]
    return length(len(time)) + time, structure(visible("Kamstrup_V0001"), *pairs)


def aidon(registers: Registers, time: bytes, serial_number: str) -> tuple[bytes, bytes]:
    """Return list AIDON_V0001: structures of code, value, scaler and unit; the header has no time."""
    entries = [
        structure(octet_string(bytes((1, 1, 0, 2, 129, 255))), visible("AIDON_V0001")),
        structure(octet_string(bytes((0, 0, 96, 1, 0, 255))), visible(serial_number)),
        structure(octet_string(bytes((0, 0, 96, 1, 7, 255))), visible("6525")),
        structure(octet_string(_CLOCK), octet_string(time)),
    ]
    for register in registers.values():
        scaler = _AIDON_SCALERS.get(register.unit, 0)
        value = rounded(register.value, scaler)
        encoded = {"A": _signed(value), "V": _unsigned(value, 2), "1": _signed(value)}.get(register.unit)
        unit = b"\x0f" + scaler.to_bytes(1, "big", signed=True) + b"\x16" + bytes((_UNIT_CODES[register.unit],))
        number = encoded if encoded is not None else _unsigned(value, 4)
        entries.append(structure(octet_string(register.code), number, structure(unit[:2], unit[2:])))
    return b"\x00", array(*entries)


def kaifa(registers: Registers, time: bytes, serial_number: str) -> tuple[bytes, bytes]:
    """Return list 3 of KFM_001, of a meter with three phases: values by position; the header's time has a tag."""
    by_place = {(code[2], code[3]): register for code, register in registers.items()}
    values = [octet_string(b"KFM_001"), octet_string(serial_number.encode("ascii")), octet_string(b"MA304H3E")]
    for place in _KAIFA_ORDER:
        register = by_place.get(place) if place is not None else None
        value = register.value if register is not None else Decimal(0)
        scaler = _KAIFA_SCALERS.get(register.unit, 0) if register is not None else 0
        values.append(octet_string(time) if place is None else _unsigned(rounded(value, scaler), 4))
    return octet_string(time), structure(*values)


LAYOUTS: Mapping[str, Layout] = {"kamstrup": kamstrup, "aidon": aidon, "kaifa": kaifa}
"""Maker, as the folder of its profiles is named → its list."""


def notification(header_time: bytes, body: bytes, *, invoke_id: int = 0) -> bytes:
    """Return a data notification."""
    return b"\x0f" + invoke_id.to_bytes(4, "big") + header_time + body


def described(values: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a list whose first value says which object each of the others is of, as Landis+Gyr writes it.

    Args:
        values: OBIS code and encoded value; the first pair is the list itself, its value is left out.
    """
    objects = [
        structure(b"\x12\x00\x03", octet_string(code), b"\x0f\x02", b"\x12\x00\x00") for code, _ in values
    ]  # fmt: skip
    return structure(array(*objects), *(value for _, value in values[1:]))


def _unsigned(value: int, octets: int) -> bytes:
    clipped = min(max(value, 0), (1 << 8 * octets) - 1)
    return {2: b"\x12", 4: b"\x06"}[octets] + clipped.to_bytes(octets, "big")


def _signed(value: int) -> bytes:
    return b"\x10" + min(max(value, -0x8000), 0x7FFF).to_bytes(2, "big", signed=True)
