"""`kvarter decode`: what a dump of a meter's bytes says, frame by frame."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from decimal import Decimal

from drivers.catalog import Catalog
from drivers.meters import STREAMS
from drivers.profile import ModbusProfile, SunspecProfile
from drivers.profile_records import RecordProfile
from drivers.records.obis import parse_obis
from drivers.records.select import selectors
from drivers.records.telegram import Damaged, MeterTime, Record, Telegram
from drivers.scan.telegrams import telegram_candidates
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.site import DeviceSettings

PROTOCOLS = tuple(STREAMS)
_CHUNK_OCTETS = 4096
_HEX = re.compile(rb"[0-9A-Fa-f\s]*")
_KEY_DIGITS = (32, 48, 64)
_TIME_INTEGRAL = 8
"""Group D of a counter; source: IEC 62056-61."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One frame of a dump, good or bad."""

    finding: Telegram | Damaged
    points: tuple[str | None, ...] = ()
    """Vocabulary name of each record, None where there is none."""

    @property
    def is_good(self) -> bool:
        """Whether it is a telegram."""
        return isinstance(self.finding, Telegram)

    def as_json(self) -> dict[str, object]:
        """Return the frame as the command prints it with --json."""
        if isinstance(self.finding, Damaged):
            return {"ok": False, "error": self.finding.reason, "meter": {}, "records": []}
        telegram = self.finding
        return {
            "ok": True,
            "error": None,
            "meter": _meter(telegram),
            "records": [_record(record, point) for record, point in zip(telegram.records, self.points, strict=True)],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return code, value, unit, function, storage, tariff, subunit and point of each record."""
        if isinstance(self.finding, Damaged):
            return []
        return [
            (
                " ".join((record.code, *record.qualifiers)),
                "-" if record.value is None else str(_plain(record.value)),
                record.unit,
                record.function.value + (" (suspect)" if record.is_suspect else ""),
                str(record.storage),
                str(_tariff(record)),
                str(record.subunit),
                point or "",
            )
            for record, point in zip(self.finding.records, self.points, strict=True)
        ]

    @property
    def headline(self) -> str:
        """One line: who sent it, or what is wrong with it."""
        if isinstance(self.finding, Damaged):
            return f"damaged: {self.finding.reason}"
        said = [f"{name.replace('_', ' ')} {value}" for name, value in _meter(self.finding).items() if value]
        return f"{self.finding.protocol}: {', '.join(said) or 'says nothing about itself'}"


def decode_dump(protocol: str, dump: bytes, *, is_hex: bool = False, key: str | None = None) -> Iterator[Decoded]:
    """Yield each frame in the dump, in the order in which it ends.

    Args:
        protocol: One of PROTOCOLS.
        dump: The bytes; they may begin and end anywhere.
        is_hex: They are written as hexadecimal digits.
        key: Hexadecimal digits of what opens encrypted frames.

    Raises:
        ConfigError: the dump is not hexadecimal, or the key is none.
    """
    octets = _from_hex(dump) if is_hex else dump
    stream = STREAMS[protocol](parse_key(key))
    names = _Names(protocol, load_vocabulary())
    for start in range(0, len(octets), _CHUNK_OCTETS):
        for finding in stream.feed(octets[start : start + _CHUNK_OCTETS]):
            yield names.named(finding)
    for finding in stream.finish():
        yield names.named(finding)


class _Names:
    """Finds the vocabulary's names for records, from the profiles of their protocol."""

    def __init__(self, protocol: str, vocabulary: Vocabulary) -> None:
        found = (file.profile for file in Catalog(vocabulary))
        self._profiles: dict[str, RecordProfile] = {
            profile.profile: profile
            for profile in found
            if not isinstance(profile, ModbusProfile | SunspecProfile) and profile.protocol == protocol
        }

    def named(self, finding: Telegram | Damaged) -> Decoded:
        if isinstance(finding, Damaged):
            return Decoded(finding)
        names: dict[int, str] = {}
        for candidate in telegram_candidates(finding, self._profiles.values()):
            self._name(self._profiles[candidate.profile], finding, names)
        for profile in self._sub_meters():
            self._name(profile, finding, names)
        return Decoded(finding, tuple(names.get(index) for index in range(len(finding.records))))

    def _sub_meters(self) -> Sequence[RecordProfile]:
        """Return the profiles of meters that speak through another's port."""
        return [
            profile for profile in self._profiles.values() if getattr(getattr(profile, "obis", None), "device_type", ())
        ]

    def _name(self, profile: RecordProfile, telegram: Telegram, names: dict[int, str]) -> None:
        """Add the names that a profile has for records that have none yet."""
        settings = DeviceSettings(id="device", profile=profile.profile, link="link")
        for point, select in selectors(profile, settings).items():
            chosen = [id(record) for sign, record in select(telegram) if sign > 0]
            for index, record in enumerate(telegram.records):
                if id(record) in chosen:
                    names.setdefault(index, point)


def _meter(telegram: Telegram) -> dict[str, object]:
    meter = telegram.meter
    said: dict[str, object] = {
        "maker": meter.maker,
        "serial_number": meter.serial_number,
        "model": meter.model,
        "medium": meter.medium,
        "version": meter.version,
        "address": meter.address,
    }
    if telegram.time is not None:
        said["time"] = _time(telegram.time)
    if telegram.status is not None:
        said["status"] = telegram.status
    return said


def _record(record: Record, point: str | None) -> dict[str, object]:
    entry: dict[str, object] = {
        "code": record.code,
        "value": _plain(record.value),
        "unit": record.unit,
        "function": record.function.value,
        "storage": record.storage,
        "tariff": _tariff(record),
        "subunit": record.subunit,
        "point": point,
    }
    if record.qualifiers:
        entry["qualifiers"] = list(record.qualifiers)
    if record.time is not None:
        entry["time"] = _time(record.time)
    if record.is_suspect:
        entry["suspect"] = True
    return entry


def _tariff(record: Record) -> int:
    """Return the tariff, which an OBIS code says in its fifth group where the value is a counter."""
    code = parse_obis(record.code)
    if code is None or code.function != _TIME_INTEGRAL:
        return record.tariff
    return code.tariff or 0


def _plain(value: Decimal | str | None) -> float | int | str | None:
    if not isinstance(value, Decimal):
        return value
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _time(time: MeterTime) -> str:
    """Return ISO 8601, with the offset from UTC where the meter says it."""
    if time.utc_offset_s is None:
        return time.local.isoformat()
    return time.local.replace(tzinfo=timezone(timedelta(seconds=time.utc_offset_s))).isoformat()


def _from_hex(dump: bytes) -> bytes:
    match = _HEX.match(dump)
    end = match.end() if match else 0
    if end != len(dump):
        line = dump[:end].count(b"\n") + 1
        found = dump[end : end + 1]
        raise ConfigError(f"the dump is not hexadecimal: {found!r} in line {line}; leave --hex out for bytes")
    digits = b"".join(dump.split())
    if len(digits) % 2:
        raise ConfigError("the dump is not hexadecimal: it has an odd number of digits")
    return bytes.fromhex(digits.decode())


def parse_key(key: str | None) -> bytes | None:
    """Return the key that a person wrote as hexadecimal digits.

    Raises:
        ConfigError: it is none.
    """
    if key is None:
        return None
    digits = "".join(key.split())
    try:
        octets = bytes.fromhex(digits)
    except ValueError as exc:
        raise ConfigError("--key: write hexadecimal digits, 32 of them for a key of 128 bits") from exc
    if len(digits) not in _KEY_DIGITS:
        raise ConfigError(f"--key: {len(digits)} digits; a key of 128 bits has 32")
    return octets
