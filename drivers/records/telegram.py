"""What a meter that describes itself says: telegrams made of records, the same for every such protocol. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Function(StrEnum):
    """What a value is of its quantity over its period."""

    INSTANTANEOUS = "instantaneous"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    ERROR = "error"
    """Measured while the meter was in an error state: never good."""


@dataclass(frozen=True, slots=True)
class MeterTime:
    """A time as the meter's own clock gives it."""

    local: datetime
    """Without zone: what the meter's display shows."""
    utc_offset_s: int | None = None
    """Seconds that `local` is ahead of UTC, None where the telegram does not say."""
    is_summer: bool | None = None
    """The daylight saving bit, None where the protocol has none."""
    is_valid: bool = True
    """False where the meter itself says that its clock is not set."""


@dataclass(frozen=True, slots=True)
class Record:
    """One value with everything the telegram says about it."""

    code: str
    """OBIS code as `A-B:C.D.E` (`*F` only where it is not 255), or the quantity's word, e.g. `flow_temperature`."""
    value: Decimal | str | None
    """The number with its decimals exactly as sent; None where the meter says that there is none."""
    unit: str = ""
    """A unit of `gateway.core.units` where that knows it, else the standard's own word, empty where there is none."""
    function: Function = Function.INSTANTANEOUS
    storage: int = 0
    tariff: int = 0
    subunit: int = 0
    qualifiers: tuple[str, ...] = ()
    """What sets the record further apart, e.g. `forward`, `l1`, `average`; in the standard's order."""
    time: MeterTime | None = None
    """The instant of this value, where it has one of its own."""
    is_suspect: bool = False
    """The meter says that the value is not to be trusted."""
    raw: bytes = b""
    """The record as it stood in the telegram."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Who sent a telegram, as far as it says."""

    maker: str = ""
    """Three letters of the FLAG association, or what the protocol gives in their place."""
    serial_number: str = ""
    model: str = ""
    medium: str = ""
    """electricity, heat, cooling, heat_cooling, water, warm_water, hot_water, gas …"""
    version: str = ""
    address: str = ""
    """On its bus."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """One frame, or the frames that belong together, fully checked."""

    protocol: str
    """mbus, p1, d0, sml, dlms or kmp."""
    meter: Meter
    records: tuple[Record, ...]
    time: MeterTime | None = None
    """The meter's clock when it sent."""
    status: int | None = None
    """The status byte or word of its header."""
    is_suspect: bool = False
    """Its header says that nothing in it is to be trusted."""
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes that began like a telegram and are none; no value is taken from them."""

    reason: str
    """What is wrong and, where a person can mend it (a missing key), how."""
    raw: bytes = b""


class TelegramStream(Protocol):
    """Finds telegrams in bytes that may begin anywhere, stop anywhere and be damaged; keeps a bounded rest."""

    def feed(self, chunk: bytes) -> Sequence[Telegram | Damaged]:
        """Take the next bytes; return what is complete with them. Never raises for any bytes."""

    def finish(self) -> Sequence[Telegram | Damaged]:
        """Return what the end of the stream leaves over."""
