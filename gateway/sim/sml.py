"""A simulated meter that sends SML by itself; written from the standard, by other code than the driver's."""

import itertools

from drivers.profile_records import ObisProfile
from gateway.core.clock import Clock
from gateway.core.quantity import Vocabulary
from gateway.sim.device import ValueSource
from gateway.sim.sml_registers import Register, Registers, rounded
from gateway.sim.talker import Mouth, speak_every

_UNIT_CODES = {
    "Wh": 30,
    "W": 27,
    "varh": 32,
    "var": 29,
    "VA": 28,
    "VAh": 31,
    "V": 35,
    "A": 33,
    "Hz": 44,
    "deg": 8,
    "1": 255,
}
_SCALERS = {"Wh": -1, "W": -2, "varh": -1, "var": -2, "V": -1, "A": -2, "Hz": -2, "deg": 0}
_FINEST_SCALER = -6
_MAKER, _SERVER_ID = bytes((1, 0, 96, 50, 1, 1)), bytes((1, 0, 96, 1, 0, 255))
_ABSENT = b"\x01"
_STATUS = 0x1C0104
"""FNN basic meter with voltage on three phases."""
_OCTETS, _SIGNED, _UNSIGNED, _LIST = 0x00, 0x50, 0x60, 0x70


class SimulatedSmlMeter:
    """Implements Talker.

    Args:
        profile: Its model.
        source: What it measures.
        clock: Time of the values.
        vocabulary: Units of the points.
        serial_number: As printed: medium, three letters, block, eight digits.
        period_s: Between two frames.
        with_time: It sends the time of day, not only the seconds since it was switched on.
    """

    def __init__(  # noqa: PLR0913 - one argument for each trait of the meter
        self,
        profile: ObisProfile,
        source: ValueSource,
        *,
        clock: Clock,
        vocabulary: Vocabulary,
        serial_number: str = "1KVA0012345678",
        period_s: float = 2.0,
        with_time: bool = True,
    ) -> None:
        self._registers = Registers(profile, source, vocabulary=vocabulary)
        self._clock = clock
        self._server_id = server_id(serial_number)
        self._maker = serial_number[1:4]
        self._period_s = period_s
        self._with_time = with_time
        self._transactions = itertools.count(1)

    def heard(self, chunk: bytes, mouth: Mouth) -> None:
        """Ignore what anybody says."""

    async def speak(self, mouth: Mouth) -> None:
        """Send a frame every period until cancelled."""
        await speak_every(self._period_s, self.frame, mouth, clock=self._clock)

    def frame(self) -> bytes:
        """Return the frame of this instant."""
        utc_ms = self._clock.utc_ms()
        time = encoded_list(number(2, 1), number(utc_ms // 1000, 4)) if self._with_time else _ABSENT
        entries = [
            entry(_MAKER, octets(self._maker.encode("ascii"))),
            entry(_SERVER_ID, octets(self._server_id)),
            *(register_entry(register) for register in self._registers.at(utc_ms).values()),
        ]
        opening = encoded_list(_ABSENT, _ABSENT, octets(b"kvarter"), octets(self._server_id), time, _ABSENT)
        listed = encoded_list(_ABSENT, octets(self._server_id), _ABSENT, time, encoded_list(*entries), _ABSENT, _ABSENT)
        parts = ((0x0101, opening), (0x0701, listed), (0x0201, encoded_list(_ABSENT)))
        return framed(b"".join(message(next(self._transactions), tag, body) for tag, body in parts))


def register_entry(register: Register) -> bytes:
    """Return the entry of one register."""
    scaler = _SCALERS.get(register.unit)
    if scaler is None:
        exponent = register.value.normalize().as_tuple().exponent
        scaler = max(_FINEST_SCALER, min(0, exponent if isinstance(exponent, int) else 0))
    value = rounded(register.value, scaler)
    status = number(_STATUS, 4) if register.code[2:4] == b"\x01\x08" else _ABSENT
    unit = _UNIT_CODES.get(register.unit)
    return entry(
        register.code,
        number(value, 8, signed=True),
        status=status,
        unit=_ABSENT if unit is None else number(unit, 1),
        scaler=number(scaler, 1, signed=True),
    )


def server_id(serial_number: str) -> bytes:
    """Return the ten octets of a number such as 1EMH0012345678 (DIN 43863-5)."""
    return (
        bytes((0x0A, int(serial_number[0], 16)))
        + serial_number[1:4].encode("ascii")
        + bytes.fromhex(serial_number[4:6])
        + int(serial_number[6:]).to_bytes(4, "big")
    )


def octets(content: bytes) -> bytes:
    """Return an octet string; its length field counts itself and takes as many octets as it needs."""
    fields = 1
    while len(content) + fields >= 16**fields:
        fields += 1
    return length(_OCTETS, len(content) + fields, fields) + content


def length(kind: int, count: int, fields: int) -> bytes:
    """Return a type-length field of so many octets, four bits of the count in each."""
    nibbles = [count >> 4 * (fields - 1 - index) & 0x0F for index in range(fields)]
    more = [0x80] * (fields - 1) + [0]
    return bytes(more[index] | nibble | (kind if index == 0 else 0) for index, nibble in enumerate(nibbles))


def number(value: int, width: int, *, signed: bool = False) -> bytes:
    """Return an integer of a width in octets."""
    return bytes(((_SIGNED if signed else _UNSIGNED) | (width + 1),)) + value.to_bytes(width, "big", signed=signed)


def encoded_list(*items: bytes) -> bytes:
    """Return a list of encoded values."""
    fields = 1
    while len(items) >= 16**fields:
        fields += 1
    return length(_LIST, len(items), fields) + b"".join(items)


def entry(
    name: bytes,
    value: bytes,
    *,
    status: bytes = _ABSENT,
    time: bytes = _ABSENT,
    unit: bytes = _ABSENT,
    scaler: bytes = _ABSENT,
) -> bytes:
    """Return one entry of a value list; every argument but the name is encoded already."""
    return encoded_list(octets(name), status, time, unit, scaler, value, _ABSENT)


def message(transaction: int, tag: int, body: bytes, *, kermit: bool = False) -> bytes:
    """Return a message with its checksum."""
    head = octets(transaction.to_bytes(4, "big")) + number(0, 1) + number(0, 1) + encoded_list(number(tag, 2), body)
    covered = b"\x76" + head
    return covered + b"\x63" + checksum(covered, kermit=kermit) + b"\x00"


def framed(messages: bytes, *, kermit: bool = False) -> bytes:
    """Return the messages as a frame on the wire."""
    padding = -len(messages) % 4
    escape = b"\x1b" * 4
    escaped = messages.replace(escape, escape + escape)
    whole = escape + b"\x01" * 4 + escaped + bytes(padding) + escape + bytes((0x1A, padding))
    return whole + checksum(whole, kermit=kermit)


def checksum(covered: bytes, *, kermit: bool = False) -> bytes:
    """Return the two octets of CRC-16/X-25, or CRC-16/KERMIT high octet first as Holley sends it; bit by bit."""
    crc = 0 if kermit else 0xFFFF
    for octet in covered:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc.to_bytes(2, "big") if kermit else (crc ^ 0xFFFF).to_bytes(2, "little")
