"""Data lines that hold a table: hourly values of DSMR 2.2 and 3, logs of power failures and of peaks. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from drivers.iec62056.times import stamp
from drivers.iec62056.units import spelled
from drivers.iec62056.values import Code, code_of, number_of
from drivers.records.obis import Obis, parse_obis
from drivers.records.telegram import MeterTime, Record

_HOURS: Final = Obis(0, None, 24, 3, None, None)
_HEAD: Final = 4
"""Instant, status, minutes from row to row, values in a row."""
_REFERENCE: Final = re.compile(r"\d+-\d+:\d+\.\d+\.\d+(?:\*255)?")
_NOT_VALID, _CLOCK_NOT_SET, _SUMMER = 0x05, 0x02, 0x08
"""Bits of the status: critical error or data not valid; clock not set; daylight saving."""


def is_hourly(code: Code, groups: Sequence[str]) -> bool:
    """Return whether the line is the hourly value of a sub-meter, `0-n:24.3.0`."""
    obis = parse_obis(code.text)
    return (
        obis is not None
        and (obis.medium, obis.quantity, obis.function) == (_HOURS.medium, _HOURS.quantity, _HOURS.function)
        and len(groups) > _HEAD
        and _REFERENCE.fullmatch(groups[_HEAD]) is not None
    )


def of_hours(groups: Sequence[str], *, raw: bytes) -> Sequence[Record]:
    """Return the values of a sub-meter's line, newest first; none where the table does not hold together.

    Source: P1 companion standard 2.2 and 3.0, section 6.5 (profile of the last hourly value).
    """
    instant = stamp(groups[0])
    status, minutes, width = (int(text, 16 if place == 0 else 10) for place, text in enumerate(_digits(groups[1:4])))
    heads = groups[_HEAD : _HEAD + 2 * width]
    cells = groups[_HEAD + 2 * width :]
    if instant is None or width == 0 or len(heads) != 2 * width or len(cells) % width:
        return ()
    instant = replace(instant, is_summer=True if status & _SUMMER else instant.is_summer)
    if status & _CLOCK_NOT_SET or not instant.is_valid:
        return ()
    records = []
    for place, cell in enumerate(cells):
        row, column = divmod(place, width)
        code, value, unit = code_of(heads[2 * column]), *_cell(cell, heads[2 * column + 1])
        if code is None:
            return ()
        time = _later(instant, row * minutes)
        suspect = bool(status & _NOT_VALID)
        records.append(Record(code.text, number_of(value), unit, time=time, is_suspect=suspect, raw=raw))
    return records[::-1]


def is_log(groups: Sequence[str]) -> bool:
    """Return whether the line is a list of events: how many, of what, and then the events."""
    return len(groups) > 1 and groups[0].isdecimal() and _REFERENCE.fullmatch(groups[1]) is not None


def of_log(groups: Sequence[str], *, raw: bytes) -> Sequence[Record]:
    """Return one record for each event, its storage counted from 1; none where the list does not hold together.

    An event has one instant for each code that heads the list, and behind them the value of the last code.

    Source: DSMR P1 companion standard 5.0.2, section 6.12 (1-0:99.97.0); Belgian e-MUCS P1 (0-0:98.1.0).
    """
    heads = [group for group in groups[1:] if _REFERENCE.fullmatch(group) is not None]
    cells = groups[1 + len(heads) :]
    width = len(heads) + 1
    code = code_of(heads[-1])
    if code is None or len(cells) % width:
        return ()
    records = []
    for number in range(1, min(int(groups[0][:4]), len(cells) // width) + 1):
        *times, cell = cells[(number - 1) * width : number * width]
        time = stamp(times[-1])
        value, unit = _cell(cell, "")
        if time is not None and time.is_valid:
            records.append(Record(code.text, number_of(value), unit, storage=number, time=time, raw=raw))
    return records


def _digits(groups: Sequence[str]) -> Sequence[str]:
    """Return the groups as short numbers, 0 in place of what is none."""
    return [group if re.fullmatch(r"[0-9A-F]{1,2}" if place == 0 else r"\d{1,4}", group) else "0"
            for place, group in enumerate(groups)]  # fmt: skip


def _cell(cell: str, unit: str) -> tuple[str, str]:
    value, _, own = cell.partition("*")
    return value, spelled(own or unit)


def _later(time: MeterTime, minutes: int) -> MeterTime:
    return replace(time, local=time.local + timedelta(minutes=minutes)) if minutes else time
