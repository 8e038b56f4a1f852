"""A sealed commissioning record → the sheet that is signed. Pure but for its packaged words."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from gateway.core.commissioning import CommissionedDevice, CommissionedPoint, Commissioning, DisplayCheck, seal
from gateway.core.quantity import Vocabulary
from gateway.export.sheet import Block, Heading, Notes, Pairs, Row, Sheet, Signatures, Table, Tone

DASH = "\u2013"
_UNITS: Mapping[str, str] = {
    "1": "", "Cel": "°C", "deg": "°", "m3": "m³", "m3/h": "m³/h", "m3.Cel": "m³·°C", "W/m2": "W/m²", "ug/m3": "µg/m³",
}  # fmt: skip
_SETTING_NAMES: Mapping[str, str] = {"ct_ratio": "CT", "vt_ratio": "VT", "pulse_weight": "1 imp", "invert": "±"}
_WORD = 0xFFFF
_SMALL = 1.0


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("gateway.export").joinpath("commissioning.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Words:
    """What the report is written in."""

    language: str
    vocabulary: Vocabulary

    def __call__(self, key: str) -> str:
        """Return a text."""
        return _texts()[key][self.language]

    def label(self, point: str) -> str:
        """Return what people call a point."""
        quantity = self.vocabulary.get(point)
        return point if quantity is None else quantity.labels[self.language]

    def number(self, value: float) -> str:
        """Return a number without digits that no meter means; the record holds it exactly."""
        text = f"{value:.3f}" if abs(value) >= _SMALL else f"{value:.4g}"
        if "e" not in text and "." in text:
            text = text.rstrip("0").rstrip(".")
        text = "0" if text in ("-0", "") else text
        return (text if self.language == "en" else text.replace(".", ",")).replace("-", "\u2212")

    def measured(self, value: float, unit: str) -> str:
        """Return a number with its unit."""
        return f"{self.number(value)} {_UNITS.get(unit, unit)}".rstrip()

    def time(self, time_ms: int, timezone: str) -> str:
        """Return an instant in the site's own time."""
        return f"{datetime.fromtimestamp(time_ms / 1000, tz=ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S %Z}"


def commissioning_sheet(record: Commissioning, vocabulary: Vocabulary, *, language: str = "en") -> Sheet:
    """Return the report of a record.

    Args:
        record: As it was sealed.
        vocabulary: Names the points.
        language: en, da, et or es.
    """
    words = Words(language, vocabulary)
    wrong = sum(not device.passes for device in record.devices)
    verdict = words("failed").format(count=wrong, total=len(record.devices)) if wrong else words("passed")
    blocks: list[Block] = [*_front(record, words)]
    for device in record.devices:
        blocks += _device(device, record, words)
    foot = f"{record.site} · {words.time(record.time_ms, record.timezone)} · SHA-256 {seal(record)[:16]}…"
    tone = _tone(good=record.passes)
    return Sheet(language, words("kind"), record.title, verdict, tone, tuple(blocks), foot)


def _front(record: Commissioning, words: Words) -> Iterator[Block]:
    pairs = (
        (words("site"), record.site),
        (words("when"), f"{words.time(record.time_ms, record.timezone)} ({record.timezone})"),
        (words("by"), record.by),
        (words("software"), f"{record.software}, {words('catalogue').lower()} {record.catalogue}"),
        (words("site_file"), record.site_file),
        (words("remark"), record.remark),
    )
    yield Pairs(tuple(pair for pair in pairs if pair[1]))
    columns = ("device", "model", "serial", "profile", "bus", "result")
    rows = tuple(_summary(device, words) for device in record.devices)
    yield Table(words("devices"), tuple(map(words, columns)), (0.2, 0.2, 0.13, 0.2, 0.13, 0.14), rows)
    bad = _tone(good=False)
    troubles = tuple((f"{each.title}: {text}", bad) for each in record.devices for text in _wrong(each, words))
    if troubles:
        yield Notes(words("attention"), troubles)
    yield Heading(words("signatures"))
    yield Signatures((words("installer"), words("owner")))
    yield Pairs(((words("seal"), seal(record)),))


def _summary(device: CommissionedDevice, words: Words) -> Row:
    unit = f"{device.link} / {device.unit_id}" if device.unit_id is not None else device.link
    name = f"{device.title}\n{device.id}" if device.label else device.id
    cells = (
        name,
        f"{device.maker} {device.model}",
        device.serial_number or DASH,
        f"{device.profile}\n{device.profile_digest}",
        unit,
        _result(device, words),
    )
    return Row(cells, _tone(good=device.passes))


def _tone(*, good: bool) -> Tone:
    return "good" if good else "bad"


def _result(device: CommissionedDevice, words: Words) -> str:
    return words("good") if device.passes else words("bad") if device.answers else words("silent")


def _wrong(device: CommissionedDevice, words: Words) -> Iterator[str]:
    if device.trouble:
        yield device.trouble.removeprefix(f"{device.id}: ")
    for check in device.plausibility:
        if not check.agrees:
            yield check.in_language(words.language)
    for shown in device.display:
        if not shown.agrees:
            difference = f"{words.measured(shown.value, shown.unit)} / {words.measured(shown.display, shown.unit)}"
            yield f"{words.label(shown.point)}: {words('read')} / {words('shown')} {difference}"
    for point in device.points:
        if point.suspect and point.value is not None:
            yield f"{words.label(point.name)}: {words.measured(point.value, point.unit)}, {words('suspect')}"


def _device(device: CommissionedDevice, record: Commissioning, words: Words) -> Iterator[Block]:
    yield Heading(device.title, _result(device, words), new_page=True)
    said = ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in device.identity.items())
    settings = ", ".join(
        f"{_SETTING_NAMES.get(key, key.replace('_', ' '))} {value if isinstance(value, str) else words.number(value)}"
        for key, value in device.settings.items()
    )
    pairs = (
        (words("device"), device.id),
        (words("model"), f"{device.maker} {device.model}" + (f" ({said})" if said else "")),
        (words("serial"), device.serial_number),
        (words("profile"), f"{device.profile} · {device.profile_digest}"),
        (words("bus"), f"{device.link}: {device.port}"),
        (words("unit_id"), "" if device.unit_id is None else str(device.unit_id)),
        (words("role"), device.role.replace("_", " ")),
        (words("settings"), settings),
        (words("read"), words.time(device.time_ms, record.timezone)),
    )
    yield Pairs(tuple(pair for pair in pairs if pair[1]))
    if not device.answers:
        yield Notes(words("result"), ((device.trouble, "bad"),))
        return
    yield _display(device, words)
    yield _plausible(device, words)
    yield _values(device, words)


def _display(device: CommissionedDevice, words: Words) -> Block:
    if not device.display:
        return Notes(words("display"), ((words("no_display"), "quiet"),))
    columns = (words("quantity"), *(f"{words(key)} #" for key in ("shown", "read", "deviation", "allowed")))
    rows = tuple(_compared(check, words) for check in device.display)
    return Table(words("display"), (*columns, words("result")), (0.26, 0.15, 0.15, 0.18, 0.15, 0.11), rows)


def _compared(check: DisplayCheck, words: Words) -> Row:
    percent = "" if check.deviation_percent is None else f"\n{words.number(round(check.deviation_percent, 2))} %"
    cells = (
        f"{words.label(check.point)}\n{check.point}",
        words.measured(check.display, check.unit),
        words.measured(check.value, check.unit),
        words.measured(check.deviation, check.unit) + percent,
        f"{words.measured(check.allowed, check.unit)}\n{words(check.reason)}",
        words("agrees" if check.agrees else "deviates"),
    )
    return Row(cells, _tone(good=check.agrees))


def _plausible(device: CommissionedDevice, words: Words) -> Block:
    ordered = sorted(device.plausibility, key=lambda check: check.agrees)
    found = tuple((check.in_language(words.language), _tone(good=check.agrees)) for check in ordered)
    return Notes(words("plausibility"), found or ((words("no_plausibility"), "quiet"),))


def _values(device: CommissionedDevice, words: Words) -> Block:
    columns = (
        words("quantity"), words("point"), f"{words('value')} #", words("unit"), words("raw"), words("note"),
    )  # fmt: skip
    rows = tuple(_point(point, words) for point in device.points)
    return Table(words("values"), columns, (0.26, 0.24, 0.13, 0.08, 0.14, 0.15), rows)


def _point(point: CommissionedPoint, words: Words) -> Row:
    quantity = words.vocabulary.get(point.name)
    note = words("suspect") if point.suspect else words("none") if point.value is None else ""
    if quantity is not None and quantity.is_integer and point.value is not None:
        named = quantity.states.get(int(point.value))
        note = named[words.language] if named else note
    cells = (
        words.label(point.name),
        point.name,
        DASH if point.value is None else words.number(point.value),
        _UNITS.get(point.unit, point.unit),
        _registers(point.raw),
        note,
    )
    return Row(cells, "bad" if point.suspect else "quiet" if point.value is None else "")


def _registers(raw: tuple[int, ...]) -> str:
    """Return registers as words of four digits; longer ones are cut, the record holds them whole."""
    few = raw[:6]
    shown = " ".join(f"{word:04x}" if word <= _WORD else str(word) for word in few)
    return shown + (" …" if len(raw) > len(few) else "")
