"""Data lines such as `1-0:1.8.1(001234.567*kWh)` → records, the same for P1 and IEC 62056-21. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from drivers.iec62056.sets import is_hourly, is_log, of_hours, of_log
from drivers.iec62056.times import stamp
from drivers.iec62056.units import spelled
from drivers.iec62056.values import Code, code_of, number_of, text_of
from drivers.records.telegram import MeterTime, Record

_SIMPLE: Final = re.compile(r"([0-9A-Z:.*&-]+)\(([^()*&]*)(?:\*([^()*&]*))?\)")
_SET: Final = re.compile(r"([^()\s]{1,32})((?:\([^()]*\))+)\s*")
_GROUP: Final = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Lines:
    """What stands in the lines of one telegram."""

    records: tuple[Record, ...]
    wrong: tuple[str, ...] = ()
    """Lines that are no data lines; no value is taken from them."""


def parse_lines(text: str) -> Lines:
    """Return the records of data lines, in their order; a line that begins with `(` belongs to the one before."""
    records: list[Record] = []
    wrong: list[str] = []
    for line in _logical(text):
        match = _SIMPLE.fullmatch(line)
        if match is not None and (code := code_of(match[1])) is not None:
            records.append(_single(code, match[2], match[3] or "", raw=line.encode("latin-1", "replace")))
            continue
        found = _line(line)
        if found is None:
            wrong.append(line)
        else:
            records.extend(found)
    return Lines(tuple(records), tuple(wrong))


def _logical(text: str) -> Iterator[str]:
    """Yield each line together with those that continue it."""
    waiting: list[str] = []
    for each in text.replace("\r", "\n").split("\n"):
        line = each.strip()
        if not line:
            continue
        if line[0] != "(" and waiting:
            yield "".join(waiting)
            waiting.clear()
        waiting.append(line)
    if waiting:
        yield "".join(waiting)


def _line(line: str) -> list[Record] | None:
    """Return the records of a line with one or more data sets, None where it is not made of such."""
    records: list[Record] = []
    place = 0
    while place < len(line):
        match = _SET.match(line, place)
        code = None if match is None else code_of(match[1])
        if match is None or code is None:
            return None
        records += _set(code, _GROUP.findall(match[2]), raw=match[0].strip().encode("latin-1", "replace"))
        place = match.end()
    return records


def _set(code: Code, groups: Sequence[str], *, raw: bytes) -> Sequence[Record]:
    if is_hourly(code, groups):
        return of_hours(groups, raw=raw)
    if is_log(groups):
        return [_single(code, groups[0], "", raw=raw), *of_log(groups, raw=raw)]
    if len(groups) == 2:  # noqa: PLR2004 - a value and its instant, in either order
        first, second = stamp(groups[0]), stamp(groups[1])
        if first is not None and not (second is not None and "*" in groups[0]):
            return _values(code, groups[1:], time=first, raw=raw)
        if second is not None:
            return _values(code, groups[:1], time=second, raw=raw)
    return _values(code, groups, time=None, raw=raw)


def _values(code: Code, groups: Sequence[str], *, time: MeterTime | None, raw: bytes) -> Sequence[Record]:
    parts = [part for group in groups for part in group.split("&")]
    records = []
    for number, part in enumerate(parts):
        value, _, unit = part.partition("*")
        records.append(_single(code, value, unit, time=time, subunit=number, raw=raw))
    return records


def _single(code: Code, text: str, unit: str, *, time: MeterTime | None = None, subunit: int = 0, raw: bytes) -> Record:
    if code.is_instant:
        time = stamp(text)
    value: Decimal | str | None = text_of(code, text) if code.is_text else number_of(text)
    if time is not None and not time.is_valid and not code.is_instant:
        # A sub-meter that was never read has an impossible instant, and a number that nobody measured.
        value, time = None, None
    return Record(code.text, value, _spelled(unit) if unit else "", subunit=subunit, time=time, raw=raw)


_spelled = lru_cache(maxsize=256)(spelled)
