"""Secondary addresses: what a person writes, and what a selection says. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from drivers.mbus.header import maker_code
from drivers.records.telegram import Meter

_DIGITS: Final = 8
_ANY: Final = 0xFF
_WRITTEN = re.compile(r"([0-9A-Fa-f]{8})(?:([A-Z]{3})(?:([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})?)?)?")
_WHOLE = re.compile(r"[0-9A-Fa-f]{16}")


@dataclass(frozen=True, slots=True)
class SecondaryAddress:
    """Which meters a selection means."""

    digits: str
    """8 of them; F stands for any digit."""
    maker: bytes = b"\xff\xff"
    """Low byte first."""
    version: int = _ANY
    medium: int = _ANY

    @property
    def selection(self) -> bytes:
        """The 8 bytes of a selection, low byte first."""
        return bytes.fromhex(self.digits)[::-1] + self.maker + bytes([self.version, self.medium])

    @property
    def high_first(self) -> bytes:
        """The same for meters that take the high byte first."""
        return bytes.fromhex(self.digits) + self.maker[::-1] + bytes([self.version, self.medium])

    def means(self, meter: Meter) -> bool:
        """Return whether a meter that says who it is may have been selected."""
        said = meter.serial_number
        if len(said) != _DIGITS:
            return False
        return all(wanted in ("F", digit) for wanted, digit in zip(self.digits, said, strict=True)) and (
            self.version in (_ANY, int(meter.version or _ANY))
        )

    def __str__(self) -> str:
        """As it is written in a site file."""
        return self.digits


def parse_address(text: str) -> SecondaryAddress:
    """Return the address in `12345678`, `12345678KAM1A04` or the 16 digits of a selection; F is any digit, FF any.

    Raises:
        ValueError: it is none.
    """
    if _WHOLE.fullmatch(text):
        octets = bytes.fromhex(text)
        return SecondaryAddress(text[:_DIGITS].upper(), octets[4:6], octets[6], octets[7])
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is no secondary address: write its 8 digits (F for any digit), and where two meters have the "
            "same, maker, version and medium behind them, such as 12345678KAM1A04"
        )
    digits, maker, version, medium = match.groups()
    code = b"\xff\xff" if maker is None else maker_code(maker).to_bytes(2, "little")
    return SecondaryAddress(digits.upper(), code, _hexadecimal(version), _hexadecimal(medium))


def _hexadecimal(text: str | None) -> int:
    return _ANY if text is None else int(text, 16)
