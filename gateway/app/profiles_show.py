"""`kvarter profiles show`: everything that a person needs to know of a model before its values are used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.catalog import Catalog
from drivers.profile import Condition, ModbusPoint, ModbusProfile, Profile, RegisterField, SunspecPoint, Table
from drivers.profile_head import Point
from drivers.profile_records import MbusProfile, ObisPoint, ObisProfile, QuantityPoint
from drivers.records.telegram import Function
from gateway.core.quantity import Vocabulary, load_vocabulary
from gateway.core.scalars import format_duration

COLUMNS = ("point", "where", "type", "device", "stored as", "every #", "states and remarks")
_INSTANCES = "instances"


@dataclass(frozen=True)
class Sheet:
    """A profile, ready to be shown."""

    profile: Profile
    vocabulary: Vocabulary

    def head(self) -> list[tuple[str, str]]:
        """Return what there is to say beside the points, as heading and text."""
        profile = self.profile
        verified = [f"{each.when} by {each.who}, firmware {each.firmware}. {each.note}" for each in profile.verified]
        lines = [
            ("profile", profile.profile),
            ("device", f"{profile.maker} {profile.model}"),
            ("kind", profile.kind.replace("_", " ")),
            ("protocol", " ".join((profile.protocol, *_traits(profile)))),
            *(("source", text) for text in _sources(profile)),
            *(("verified", text.rstrip(" .")) for text in verified or ["by nobody yet"]),
            *(("caveat", text) for text in profile.caveats),
            *(("setup", f"{number}. {text}") for number, text in enumerate(profile.setup, 1)),
            ("link", _link(profile)),
            ("asked", _pace(profile)),
        ]
        if isinstance(profile, ModbusProfile):
            lines += [("known by", _condition(each, profile)) for each in profile.fingerprint]
            lines += [("says", text) for text in _identity(profile)]
            lines += [("variant", text) for text in _variants(profile)]
            if profile.instances is not None:
                text = f"up to {profile.instances.max}, {profile.instances.stride} registers apart"
                lines.append((_INSTANCES, f"{text}; `instance` in the site file says which"))
        return lines

    def rows(self) -> list[tuple[str, ...]]:
        """Return for each point what COLUMNS names."""
        rows = [self._row(point) for point in self.profile.points]
        if isinstance(self.profile, ModbusProfile):
            for variant in self.profile.variants:
                rows += [self._row(point, suffix=f" ({variant.name})") for point in variant.points]
        return rows

    def as_json(self) -> dict[str, object]:
        """Return the profile as it stands in its file, and what the table shows of each point."""
        names = ("point", "where", "type", "device", "stored_as", "interval", "remarks")
        return {
            **self.profile.model_dump(mode="json", by_alias=True),
            "id": self.profile.profile,
            "table": [dict(zip(names, row, strict=True)) for row in self.rows()],
        }

    def _row(self, point: Point, *, suffix: str = "") -> tuple[str, ...]:
        quantity = self.vocabulary[point.point]
        where, how = _place(point, self.profile)
        interval_s = max(point.interval or self.profile.interval, self.profile.minimum_interval or 0.0)
        return (
            point.point + suffix,
            where,
            how,
            _scaled(point, is_clock=getattr(point, "clock", None) is not None),
            "code" if quantity.is_integer else quantity.unit,
            format_duration(interval_s),
            "; ".join(self._remarks(point)),
        )

    def _remarks(self, point: Point) -> Iterator[str]:
        labels = self.vocabulary[point.point].states
        if point.states:
            bit = "bit " if isinstance(point, ModbusPoint) and point.type in ("bits16", "bits32") else ""
            yield ", ".join(
                f"{bit}{code} → {state} {labels[state]['en'] if state in labels else ''}".rstrip()
                for code, state in point.states.items()
            )
        if point.otherwise is not None:
            yield f"else {point.otherwise}"
        if point.multiply_by:
            yield f"needs {' and '.join(point.multiply_by)} in the site file"
        if point.absent:
            yield f"no value: {', '.join(f'0x{code:X}' if code > 0 else str(code) for code in point.absent)}"
        if point.limits is not None:
            yield f"plausible {point.limits[0]:g} to {point.limits[1]:g}"
        if point.wrap is not None:
            yield f"begins again at {point.wrap:g} {point.unit}".rstrip()
        if point.optional:
            yield "not in every machine"
        if isinstance(point, ModbusPoint) and point.single:
            yield "read alone"


def load_sheet(wanted: str, folders: Sequence[Path] = ()) -> Sheet:
    """Return the profile of that id, or in that file.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    vocabulary = load_vocabulary()
    return Sheet(Catalog(vocabulary, tuple(folders)).find(wanted).profile, vocabulary)


def _sources(profile: Profile) -> Iterator[str]:
    for each in profile.source:
        said = [f"{each.document}, version {each.version}", f"firmware {each.firmware}" if each.firmware else ""]
        yield "; ".join(filter(None, (*said, each.note)))


def _traits(profile: Profile) -> Iterator[str]:
    if isinstance(profile, ModbusProfile):
        order = f", {profile.modbus.word_order} word first" if profile.modbus.word_order else ""
        yield f"({profile.modbus.table or 'several tables'}{order}, at most {profile.modbus.max_registers} registers)"
    elif isinstance(profile, MbusProfile):
        media = f", {' or '.join(profile.mbus.medium)}" if profile.mbus.medium else ""
        yield f"(maker {profile.mbus.maker or 'any'}{media})"
    elif isinstance(profile, ObisProfile) and profile.obis.identification:
        yield f"(says {profile.obis.identification})"


def _link(profile: Profile) -> str:
    factory = profile.link_defaults
    said = [
        f"{factory.baudrate} baud" if factory.baudrate else "",
        f"{factory.data_bits} data bits" if factory.data_bits else "",
        f"parity {factory.parity}" if factory.parity else "",
        f"{factory.stop_bits} stop bit{'s' if factory.stop_bits == 2 else ''}" if factory.stop_bits else "",  # noqa: PLR2004 - more than one
        f"TCP port {factory.tcp_port}" if factory.tcp_port else "",
        f"unit {factory.unit_id}" if profile.protocol in ("modbus", "sunspec") else "",
    ]
    return ", ".join(filter(None, said)) or "nothing is said"


def _pace(profile: Profile) -> str:
    text = f"every {format_duration(profile.interval)}"
    if profile.minimum_interval is not None:
        text += f", never more often than every {format_duration(profile.minimum_interval)}"
    return text


def _identity(profile: ModbusProfile) -> Iterator[str]:
    for name in ("serial_number", "firmware", "model"):
        field: RegisterField | None = getattr(profile.identity, name)
        if field is not None:
            yield f"{name.replace('_', ' ')} in {_register(field, profile.modbus.table)} as {_type(field)}"


def _variants(profile: ModbusProfile) -> Iterator[str]:
    for each in profile.variants:
        changed = [point.point for point in each.points]
        said = [
            f"other: {', '.join(changed)}" if changed else "",
            f"{each.word_order} word first" * bool(each.word_order),
        ]
        said.append(f"without {', '.join(each.without)}" if each.without else "")
        yield f"{each.name}, when {_condition(each.when, profile)}: {'; '.join(filter(None, said)) or 'the same'}"


def _condition(condition: Condition, profile: ModbusProfile) -> str:
    where = f"{_register(condition, profile.modbus.table)} ({_type(condition)})"
    if condition.equals is not None:
        return f"{where} is {' or '.join(map(str, condition.equals))}"
    low, high = condition.between or (0, 0)
    return f"{where} is between {low:g} and {high:g}"


def _place(point: Point, profile: Profile) -> tuple[str, str]:
    """Return where the value stands in the device, and as what."""
    if isinstance(point, ModbusPoint):
        table = profile.modbus.table if isinstance(profile, ModbusProfile) else None
        parts = point.sum or point.fields
        where = " + ".join(_register(each, table) for each in parts)
        if point.scale_from is not None:
            where += f", power of ten in {_register(point.scale_from, table)}"
        return where, " + ".join(dict.fromkeys(_type(each) for each in parts))
    if isinstance(point, SunspecPoint):
        return f"model {' or '.join(map(str, point.model))}: {point.name}", "as the model says"
    clock = getattr(point, "clock", None)
    if clock is not None:
        return "the meter's clock", "offset from ours" if clock == "offset" else "time"
    if isinstance(point, ObisPoint):
        ways = [each if isinstance(each, str) else " + ".join(each) for each in point.obis]
        return ", else ".join(ways) + (f" - {point.negate}" if point.negate else ""), "record"
    if isinstance(point, QuantityPoint):
        return " ".join(filter(None, _record(point))), "record"
    return "", ""


def _record(point: QuantityPoint) -> tuple[str, ...]:
    return (
        point.quantity or "",
        *point.qualifiers,
        point.function.value if point.function is not Function.INSTANTANEOUS else "",
        f"storage {point.storage}" if point.storage else "",
        f"tariff {point.tariff}" if point.tariff else "",
        f"subunit {point.subunit}" if point.subunit else "",
    )


def _register(field: RegisterField, table: Table | None) -> str:
    return f"{field.table or table} {field.address} (0x{field.address:04X})"


def _type(field: RegisterField) -> str:
    text = field.type.value if field.count is None else f"{field.type.value}, {field.count} registers"
    text += f", {field.word_order} word first" if field.word_order else ""
    return text + (", low byte first" if field.byte_order == "little" else "")


def _scaled(point: Point, *, is_clock: bool) -> str:
    """Return what the device's number means in the device's own unit."""
    if is_clock:
        return "s"
    unit = point.unit or ("code" if point.states else "its own unit")
    unit = "" if unit == "1" else unit
    parts = [f"x {point.scale:g}" if point.scale != 1 else "", unit]
    text = " ".join(filter(None, parts))
    if isinstance(point, ModbusPoint) and any(each.scale != 1 for each in point.sum):
        text = f"{' and '.join(f'x {each.scale:g}' for each in point.sum)} {text}"
    return f"{text} {point.offset:+g}".strip() if point.offset else text or "number"
