"""Codes that combine with every quantity: what they change about a record. Pure."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from drivers.mbus.vif import DURATIONS, Kind

_ERRORS: Final = {
    0x01: "too_many_dife", 0x02: "storage_not_implemented", 0x03: "subunit_not_implemented",
    0x04: "tariff_not_implemented", 0x05: "function_not_implemented", 0x06: "data_class_not_implemented",
    0x07: "data_size_not_implemented", 0x0B: "too_many_vife", 0x0C: "illegal_vif_group", 0x0D: "illegal_vif_exponent",
    0x0E: "vif_dif_mismatch", 0x0F: "action_not_implemented", 0x15: "no_data", 0x16: "overflow", 0x17: "underflow",
    0x18: "erroneous", 0x1C: "premature_end",
}  # fmt: skip
"""Source: EN 13757-3:2018, table 18 (record errors of the meter)."""
_NO_ERROR: Final = 0x00
_LAST_ERROR: Final = 0x1F
_WORDS: Final = {
    0x12: "average", 0x13: "inverse_compact_profile", 0x14: "relative_deviation", 0x1D: "standard_conform",
    0x1E: "compact_profile_registers", 0x1F: "compact_profile",
    0x20: "per_second", 0x21: "per_minute", 0x22: "per_hour", 0x23: "per_day", 0x24: "per_week", 0x25: "per_month",
    0x26: "per_year", 0x27: "per_revolution", 0x28: "per_input_pulse_0", 0x29: "per_input_pulse_1",
    0x2A: "per_output_pulse_0", 0x2B: "per_output_pulse_1", 0x2C: "per_litre", 0x2D: "per_m3", 0x2E: "per_kg",
    0x2F: "per_kelvin", 0x30: "per_kwh", 0x31: "per_gj", 0x32: "per_kw", 0x33: "per_kelvin_litre", 0x34: "per_volt",
    0x35: "per_ampere", 0x36: "times_second", 0x37: "times_second_per_volt", 0x38: "times_second_per_ampere",
    0x39: "start_of", 0x3A: "uncorrected", 0x3B: "forward", 0x3C: "backward", 0x3D: "non_metric",
    0x3E: "base_conditions", 0x3F: "obis_declaration", 0x68: "during_lower_limit_exceed", 0x69: "leakage",
    0x6C: "during_upper_limit_exceed", 0x6D: "overflow_value", 0x7E: "future",
}  # fmt: skip
"""Source: EN 13757-3:2018, table 15 (combinable VIFE codes)."""
_SECOND: Final = {
    0x01: "l1", 0x02: "l2", 0x03: "l3", 0x04: "n", 0x05: "l12", 0x06: "l23", 0x07: "l31", 0x08: "quadrant_1",
    0x09: "quadrant_2", 0x0A: "quadrant_3", 0x0B: "quadrant_4", 0x0C: "import_minus_export", 0x0D: "absolute",
    0x10: "to_meter", 0x11: "from_meter",
}  # fmt: skip
"""Source: EN 13757-3:2018, table 16 (extension of combinable VIFE codes, behind FC)."""
_UNSIGNED_SECOND: Final = frozenset((0x0E, 0x0F))
_TIMES: Final = frozenset((0x39,))
_EXTENSION, _TIMES_1000, _MAKER = 0x7C, 0x7D, 0x7F


@dataclass(frozen=True, slots=True)
class Combined:
    """What all the codes of a record say together."""

    qualifiers: tuple[str, ...] = ()
    exponent: int = 0
    """Added to the quantity's own power of ten."""
    offset: tuple[int, int] | None = None
    """Count and power of ten that are added to the value, in the unit."""
    unit: str | None = None
    """Instead of the quantity's own: the record is a duration, a count or a date about the quantity."""
    kind: Kind | None = None
    error: str | None = None
    """The meter says that there is no value, and why."""


@lru_cache(maxsize=2048)
def combine(codes: bytes) -> Combined:
    """Return what the codes mean.

    Args:
        codes: VIFE behind the quantity's own code, extension bits included.
    """
    said = Combined()
    place = 0
    while place < len(codes):
        code = codes[place] & 0x7F
        place += 1
        if code == _MAKER:
            words = tuple(f"maker_{each & 0x7F:02x}" for each in codes[place:]) or ("maker",)
            return replace(said, qualifiers=said.qualifiers + words)
        if code == _EXTENSION and place < len(codes):
            said = _second(said, codes[place] & 0x7F)
            place += 1
        else:
            said = _first(said, code)
    return said


def _first(said: Combined, code: int) -> Combined:
    if 0x70 <= code < 0x78:  # noqa: PLR2004 - multiplicative correction
        return replace(said, exponent=said.exponent + code - 0x76)
    if 0x78 <= code < _EXTENSION:  # noqa: PLR2004 - additive correction
        return replace(said, offset=(1, code - 0x7B))
    if code == _TIMES_1000:
        return replace(said, exponent=said.exponent + 3)
    if code in _WORDS:
        kind = Kind.DATETIME if code in _TIMES else said.kind
        return replace(said, qualifiers=(*said.qualifiers, _WORDS[code]), kind=kind)
    return _limit(said, code) if code > _LAST_ERROR else _error(said, code)


def _error(said: Combined, code: int) -> Combined:
    if code == _NO_ERROR:
        return said
    word = _ERRORS.get(code, f"error_{code:02x}")
    return replace(said, qualifiers=(*said.qualifiers, word), error=word)


def _limit(said: Combined, code: int) -> Combined:
    """Return what the codes 40 to 6F add, which are about limits and about first and last times."""
    limit = "upper_limit" if code & 0x08 else "lower_limit"
    which = "last" if code & 0x04 else "first"
    edge = "end" if code & 0x01 else "begin"
    word, unit, kind = f"vife_{code:02x}", None, said.kind
    if code in (0x40, 0x48):
        word = limit
    elif code in (0x41, 0x49):
        word, unit, kind = f"exceeds_of_{limit}", "1", Kind.UNSIGNED
    elif 0x40 <= code < 0x50 and code & 0x02:  # noqa: PLR2004 - E100uf1b
        word, unit, kind = f"{edge}_of_{which}_{limit}_exceed", "", Kind.DATETIME
    elif 0x50 <= code < 0x60:  # noqa: PLR2004 - E101ufnn
        word, unit = f"duration_of_{which}_{limit}_exceed", DURATIONS[code & 3]
    elif 0x60 <= code < 0x68:  # noqa: PLR2004 - E1100fnn
        word, unit = f"duration_of_{which}", DURATIONS[code & 3]
    elif 0x68 <= code < 0x70 and code & 0x02:  # noqa: PLR2004 - E1101f1b
        word, unit, kind = f"{edge}_of_{which}", "", Kind.DATETIME
    return replace(said, qualifiers=(*said.qualifiers, word), unit=said.unit if unit is None else unit, kind=kind)


def _second(said: Combined, code: int) -> Combined:
    if code in _UNSIGNED_SECOND:
        return replace(said, kind=Kind.UNSIGNED)
    return replace(said, qualifiers=(*said.qualifiers, _SECOND.get(code, f"vife_fc{code:02x}")))
