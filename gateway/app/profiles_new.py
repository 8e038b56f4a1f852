"""`kvarter profiles new`: the beginning of a profile, from what a device said. The facts are left to its document."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from drivers.catalog import Catalog
from drivers.factory import is_pushed
from drivers.profile import ModbusProfile, SunspecProfile
from drivers.profile_head import ProfileHead
from drivers.profile_records import RecordPoint, RecordProfile
from drivers.records.select import selectors
from drivers.records.telegram import Record, Telegram
from gateway.app.profiles_guess import candidates
from gateway.app.profiles_start import Meter, Registers, Start
from gateway.core.errors import ConfigError
from gateway.core.quantity import Vocabulary
from gateway.core.site import DeviceSettings
from gateway.core.units import conversion

_ID = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_WIDTH = 32
"""Bytes of a telegram in one line."""
_KINDS: Mapping[str, str] = {
    "heat": "heat_meter",
    "cooling": "heat_meter",
    "heat_cooling": "heat_meter",
    "water": "water_meter",
    "warm_water": "water_meter",
    "hot_water": "water_meter",
    "cold_water": "water_meter",
    "gas": "gas_meter",
    "electricity": "electricity_meter",
}
"""Medium → kind of profile."""
_BATTERY_KINDS = ("heat_meter", "water_meter", "gas_meter")
_KEYS = ("quantity", "function", "storage", "tariff", "subunit", "qualifiers", "obis", "negate")


def begin_profile(start: Start, output: Path, catalog: Catalog, *, came_from: str, vocabulary: Vocabulary) -> str:
    """Return the text of a new profile.

    Args:
        start: The device.
        output: Where it will be; MAKER/MODEL.yaml gives the profile its id.
        catalog: Known profiles, whose names for records are taken over.
        came_from: Name of the survey or capture.
        vocabulary: Names and units.
    """
    profile_id = f"{output.parent.name}/{output.stem}"
    if not _ID.fullmatch(profile_id):
        raise ConfigError(f"{output}: name the file MAKER/MODEL.yaml, with a-z, 0-9 and - only; this is its id")
    if isinstance(start, Registers):
        lines = [*_head(profile_id, start, "electricity_meter", came_from), *_of_registers(start)]
    else:
        draft = _Draft(start, catalog, vocabulary)
        lines = [*_head(profile_id, start, draft.kind, came_from), *draft.lines()]
    return "\n".join(lines) + "\n"


def _head(profile_id: str, start: Start, kind: str, came_from: str) -> Iterator[str]:
    maker, _, model = profile_id.partition("/")
    said = start.identity if isinstance(start, Registers) else _said(start.telegram)
    kinds = ", ".join(get_args(ProfileHead.model_fields["kind"].annotation))
    yield "# yaml-language-server: $schema=../../../config/profile.schema.json"
    yield f"# Begun by kvarter profiles new from {came_from}. `kvarter profiles check` says what is still missing."
    if said:
        yield f"# The device says: {', '.join(f'{name} {text}' for name, text in said.items())}."
    yield f"profile: {profile_id}"
    yield f"maker: {_scalar(said.get('maker') or maker)}"
    yield f"model: {_scalar(said.get('model') or model)}"
    yield f"# One of {kinds}."
    yield f"kind: {kind}"
    yield "# The maker's document, or two independent public sources: what each of them says, and in which version."
    yield "# - {document: TITLE, version: VERSION, note: what was taken from it}"
    yield "source: []"
    yield "# What a reader of the values must know; how address and baud rate are set on the device."
    yield "caveats: []"
    yield "setup: []"
    if start.link:
        unit = {"unit_id": start.unit_id} if isinstance(start, Registers) else {}
        yield f"link_defaults: {_mapping({**start.link, **unit})}"


def _of_registers(start: Registers) -> Iterator[str]:
    tables = dict.fromkeys(row.table for row in start.rows)
    yield "interval: 10s"
    yield "protocol: modbus"
    yield "# Add word_order: big or little, as the document says; the lines below show both ways."
    yield f"modbus: {{table: {next(iter(tables))}}}"
    yield "# Uncomment what the document names: POINT from the vocabulary, UNIT the device's own; then scale, states."
    yield "points:"
    for row in start.rows:
        last = row.address + len(row.registers) - 1
        yield f"  # {row.table} 0x{row.address:04X} to 0x{last:04X}"
        for line in candidates(row):
            yield "  " + (
                line if row.table == next(iter(tables)) else line.replace("type:", f"table: {row.table}, type:")
            )
    yield "# Registers as the document's example has them, and the values that it gives. These came from the"
    yield "# device: put beside them what its display showed, never what kvarter makes of them."
    yield "tests:"
    yield "  - registers:"
    for row in start.rows:
        if row.table == next(iter(tables)):
            words = ", ".join(f"0x{word:04X}" for word in row.registers)
            yield f"      # 0x{row.address:04X}: [{words}]"
    yield "    expect:"
    yield "    note:"


class _Draft:
    """A profile of a meter that describes itself."""

    def __init__(self, start: Meter, catalog: Catalog, vocabulary: Vocabulary) -> None:
        self._telegram = start.telegram
        self._vocabulary = vocabulary
        found = (file.profile for file in catalog)
        known = [
            profile
            for profile in found
            if not isinstance(profile, ModbusProfile | SunspecProfile)
            and profile.protocol == self._telegram.protocol
            and not getattr(getattr(profile, "obis", None), "device_type", ())
        ]
        self.kind = self._kind(known)
        self._known = sorted(
            (each for each in known if each.kind == self.kind), key=lambda each: (-len(self._held(each)), each.profile)
        )
        self._points: dict[str, list[Record]] = {}
        self._definitions: dict[str, RecordPoint] = {}
        self._take()

    def lines(self) -> Iterator[str]:
        """Yield everything behind the head."""
        telegram = self._telegram
        pushed = bool(self._known) and is_pushed(self._known[0])
        on_battery = self.kind in _BATTERY_KINDS and not pushed
        yield f"interval: {'1h' if on_battery else '10s'}"
        if on_battery:
            yield "# A meter on a battery: no more often than its document allows."
            yield "minimum_interval: 1h"
        yield f"protocol: {telegram.protocol}"
        yield from self._traits()
        yield "# What the telegram held stands behind each point: compare it with the display before you trust it."
        yield "points:"
        named: set[int] = set()
        for point, terms in self._points.items():
            named |= {id(record) for record in terms}
            shown = " and ".join(_shown(record) for record in terms)
            yield f"  - {_mapping(_definition(self._definitions[point]))}  # {shown}"
        if telegram.time is not None:
            yield "  - {point: dev_clock_offset, clock: offset, interval: 1h, optional: true}"
        for record in telegram.records:
            if id(record) not in named:
                words = _record_words(record, telegram.protocol)
                yield f"  # - {_mapping({'point': 'POINT', **words})}  # {_shown(record)}"
        yield from self._test()

    def _traits(self) -> Iterator[str]:
        meter, protocol = self._telegram.meter, self._telegram.protocol
        if protocol == "mbus":
            medium = {"medium": [meter.medium]} if meter.medium else {}
            yield f"mbus: {_mapping({'maker': meter.maker, **medium} if meter.maker else medium)}"
        elif protocol != "kmp" and (meter.model or meter.maker):
            yield f"obis: {_mapping({'identification': meter.model or meter.maker})}"

    def _kind(self, known: Sequence[RecordProfile]) -> str:
        """Return the kind by the meter's medium, else that of the profile that knows most of its records."""
        if self._telegram.meter.medium in _KINDS:
            return _KINDS[self._telegram.meter.medium]
        best = max(known, key=lambda each: len(self._held(each)), default=None)
        return best.kind if best is not None else "electricity_meter"

    def _held(self, profile: RecordProfile) -> dict[str, list[Record]]:
        """Return the points of a profile that the telegram holds, with their records."""
        device = DeviceSettings(id="device", profile=profile.profile, link="link")
        found = {}
        for name, select in selectors(profile, device).items():
            point = next(each for each in profile.points if each.point == name)
            records = [record for _, record in select(self._telegram)]
            if records and not point.states and all(self._measures(record, name) for record in records):
                found[name] = records
        return found

    def _measures(self, record: Record, name: str) -> bool:
        if isinstance(record.value, str):
            return False
        try:
            conversion(record.unit or "1", self._vocabulary[name].unit)
        except ValueError:
            return False
        return True

    def _take(self) -> None:
        """Take the points that known profiles of this kind find in the telegram; each record is used once."""
        used: set[int] = set()
        found: dict[str, list[Record]] = {}
        for profile in self._known:
            for name, records in self._held(profile).items():
                if name in found or any(id(record) in used for record in records):
                    continue
                found[name] = records
                used |= {id(record) for record in records}
                self._definitions[name] = next(each for each in profile.points if each.point == name)
        self._points |= {name: found[name] for name in self._vocabulary if name in found}

    def _test(self) -> Iterator[str]:
        telegram = self._telegram
        yield "# The telegram holds the meter's number: put others in its place before you publish it. Write what the"
        yield "# display or the document gives, never what kvarter makes of it."
        yield "tests:"
        if telegram.protocol in ("p1", "d0"):
            text = telegram.raw.decode("latin-1").replace("\r\n", "\n")
            lines = text.rstrip("\n").split("\n")
            if all(line.isprintable() and line == line.strip() for line in lines):
                yield "  - telegram: |"
                yield from (f"      {line}".rstrip() for line in lines)
            else:
                yield f"  - telegram: {json.dumps(text)}"
        else:
            yield "  - telegram: >-"
            for index in range(0, len(telegram.raw), _WIDTH):
                yield f"      {telegram.raw[index : index + _WIDTH].hex(' ').upper()}"
        yield "    expect:"
        for point in self._points:
            yield f"      # {point}:"
        yield "    note:"


def _said(telegram: Telegram) -> dict[str, str]:
    meter = telegram.meter
    said = {"maker": meter.maker, "model": meter.model, "medium": meter.medium, "version": meter.version}
    return {name: " ".join(text.split()) for name, text in said.items() if text.strip()}


def _definition(point: RecordPoint) -> dict[str, object]:
    """Return what finds a record, without what only the other model knows of it."""
    tree = point.model_dump(mode="json", exclude_defaults=True)
    return {"point": point.point, **{key: tree[key] for key in _KEYS if key in tree}}


def _record_words(record: Record, protocol: str) -> dict[str, object]:
    if protocol not in ("mbus", "kmp"):
        return {"obis": [record.code]}
    words: dict[str, object] = {"quantity": record.code}
    if record.function != "instantaneous":
        words["function"] = record.function.value
    words |= {key: getattr(record, key) for key in ("storage", "tariff", "subunit") if getattr(record, key)}
    return words | ({"qualifiers": list(record.qualifiers)} if record.qualifiers else {})


def _shown(record: Record) -> str:
    return "no value" if record.value is None else f"{record.value} {record.unit}".strip().replace("\n", " ")


def _mapping(tree: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in tree.items()) + "}"


def _scalar(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_scalar(each) for each in value)}]"
    if isinstance(value, str) and not (_PLAIN.fullmatch(value) and value not in ("null", "true", "false")):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
