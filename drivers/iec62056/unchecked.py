"""Telegrams that no checksum covers: taken only where nothing about them is doubtful. Pure.

Every line must be a data line in seven bits, and no code may stand there twice, since the head of one telegram and
the tail of another would pass otherwise. Their records carry the qualifier `unchecked`.
"""

from dataclasses import replace
from typing import Final

from drivers.iec62056.lines import Lines
from drivers.records.telegram import Record

UNCHECKED: Final = "unchecked"


def doubt_of(found: Lines, octets: bytes) -> str:
    """Return why a telegram without checksum is not taken, empty where it is."""
    if not octets.isascii():
        return "no checksum, and letters beyond seven bits: wrong parity or a disturbed line"
    if found.wrong:
        return f"no checksum, and {found.wrong[0][:40]!r} is no data line"
    if not found.records:
        return "no checksum, and nothing in it"
    marks = [(record.code, record.storage, record.subunit, record.time) for record in found.records]
    if len(set(marks)) < len(marks):
        return "no checksum, and a code stands in it twice: the parts of two telegrams"
    return ""


def marked(found: Lines) -> tuple[Record, ...]:
    """Return the records, each with the qualifier that says so."""
    return tuple(replace(record, qualifiers=(UNCHECKED,)) for record in found.records)
