"""What one readout of a meter that describes itself costs its link. Pure estimates from the settings of the line."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from drivers.profile_records import KmpProfile, MbusProfile, RecordProfile
from gateway.core.site import LinkSettings

_MBUS_REQUEST_BYTES, _MBUS_TELEGRAM_BYTES = 5, 200
_KMP_REQUEST_BYTES, _KMP_VALUE_BYTES = 9, 11
_READOUT_BYTES, _SIGN_ON_BYTES = 700, 40
_READOUT_BAUDRATE = 2400
_TURNAROUND_S = 0.1


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """The requests of one readout."""

    requests: tuple[str, ...]
    """In words."""
    duration_s: float
    """Time on the bus."""

    def as_json(self) -> list[dict[str, str | int]]:
        """Return the requests as `check --json` prints them."""
        return [{"request": text} for text in self.requests]


def plan_readout(profile: RecordProfile, link: LinkSettings, points: Sequence[str]) -> RecordPlan:
    """Return what a readout of these points costs; nothing where the meter sends by itself."""
    bits = 1 + link.data_bits + (link.parity not in (None, "none")) + (link.stop_bits or 1)
    character_s = bits / link.baudrate if link.serial is not None and link.baudrate else 0.0
    if isinstance(profile, MbusProfile):
        count = profile.mbus.max_telegrams
        octets = _MBUS_REQUEST_BYTES + _MBUS_TELEGRAM_BYTES
        duration_s = count * (octets * character_s + _TURNAROUND_S + profile.mbus.pause)
        return RecordPlan(("REQ_UD2",) * count, duration_s)
    if isinstance(profile, KmpProfile):
        count = ceil(len(points) / profile.kmp.max_registers)
        octets = count * _KMP_REQUEST_BYTES + len(points) * _KMP_VALUE_BYTES
        return RecordPlan(("GetRegister",) * count, octets * character_s + count * _TURNAROUND_S)
    if is_pushed(profile):
        return RecordPlan((), 0.0)
    readout_s = _READOUT_BYTES * bits / _READOUT_BAUDRATE if character_s else 0.0
    return RecordPlan(
        ("sign-on and readout",), profile.obis.wakeup + _SIGN_ON_BYTES * character_s + readout_s + _TURNAROUND_S
    )


def is_pushed(profile: RecordProfile) -> bool:
    """Return whether the meter sends by itself, so that nothing is asked."""
    if isinstance(profile, MbusProfile | KmpProfile):
        return False
    return profile.protocol != "d0" or profile.obis.mode == "D"
