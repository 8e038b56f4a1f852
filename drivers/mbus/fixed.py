"""The fixed data structure of older meters: two counters. Pure."""

from decimal import Decimal
from typing import Final

from drivers.mbus.header import Header
from drivers.mbus.records import BadTelegram
from drivers.mbus.values import scaling
from drivers.mbus.vif import Vif
from drivers.records.telegram import Record

FIXED_BYTES: Final = 16
_MEDIA: Final = (
    "other", "oil", "electricity", "gas", "heat", "steam", "hot_water", "water", "heat_cost_allocator", "unknown",
    "gas", "heat", "hot_water", "water", "heat_cost_allocator", "unknown",
)  # fmt: skip
_BINARY, _STORED, _PERMANENT_ERROR = 0x01, 0x02, 0x08
_HISTORIC, _NO_UNIT, _HCA, _TEMPERATURE = 0x3E, 0x3F, 0x39, 0x38
_RUNS: Final = (
    ("energy", "Wh", 0), ("energy", "kWh", 0), ("energy", "MWh", 0), ("energy", "kJ", 0), ("energy", "MJ", 0),
    ("energy", "GJ", 0), ("power", "W", 0), ("power", "kW", 0), ("power", "MW", 0), ("power", "kJ/h", 0),
    ("power", "MJ/h", 0), ("power", "GJ/h", 0), ("volume", "l", -3), ("volume", "l", 0), ("volume", "m3", 0),
    ("volume_flow", "l/h", -3), ("volume_flow", "l/h", 0), ("volume_flow", "m3/h", 0),
)  # fmt: skip
"""From code 2 on, three codes each: the unit, ten and a hundred of it.

Source: EN 13757-3:2004, annex A (type E, units of the fixed data structure).
"""
_FIRST_RUN: Final = 2
_PLAIN: Final = {
    0x00: Vif("time", "h:m:s"),
    0x01: Vif("date", "d.m.y"),
    _TEMPERATURE: Vif("temperature", "Cel", -3),
    _HCA: Vif("units_for_hca"),
    _NO_UNIT: Vif("dimensionless"),
}


def read_fixed(octets: bytes, *, high_first: bool = False) -> tuple[Header, tuple[Record, ...]]:
    """Return header and counters.

    Args:
        octets: The 16 bytes behind the control information.
        high_first: Numbers come with the high byte first.

    Raises:
        BadTelegram: there are not 16 bytes.

    Source: EN 13757-3:2004, annex on the fixed data structure.
    """
    if len(octets) < FIXED_BYTES:
        raise BadTelegram(f"a fixed data structure has {FIXED_BYTES} bytes, not {len(octets)}")
    order = -1 if high_first else 1
    status = octets[5]
    first, second = octets[6:8]
    medium = _MEDIA[first >> 6 | second >> 6 << 2]
    header = Header(
        serial_number=octets[0:4][::-order].hex().upper(), medium=medium, access_number=octets[4],
        status=status & _PERMANENT_ERROR,
    )  # fmt: skip
    units = first & 0x3F, second & 0x3F
    storage = 1 if status & _STORED else 0
    records = []
    for index, start in enumerate((8, 12)):
        raw = octets[start : start + 4]
        unit = units[index]
        is_historic = unit == _HISTORIC
        if is_historic:
            unit = units[0]
        vif = _vif(unit)
        value = _counter(raw[::order], vif, is_binary=bool(status & _BINARY))
        records.append(Record(vif.code, value, vif.unit, storage=1 if is_historic else storage, subunit=index, raw=raw))
    return header, tuple(records)


def _vif(unit: int) -> Vif:
    run, step = divmod(unit - _FIRST_RUN, 3)
    if unit >= _FIRST_RUN and run < len(_RUNS):
        code, word, exponent = _RUNS[run]
        return Vif(code, word, exponent + step)
    return _PLAIN.get(unit) or Vif(f"unit_{unit:02x}")


def _counter(raw: bytes, vif: Vif, *, is_binary: bool) -> Decimal | None:
    if is_binary:
        return scaling(vif.exponent)(int.from_bytes(raw, "little", signed=True))
    digits = raw[::-1].hex()
    return scaling(vif.exponent)(int(digits)) if digits.isdecimal() else None
