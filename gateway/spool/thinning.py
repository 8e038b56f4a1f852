"""What is left of the oldest segment when the ring is full: counters at the quarter hours, and every event. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.spool.anchors import Anchors
from gateway.spool.ranges import RangeSet
from gateway.spool.reading import LoadedSegment
from gateway.spool.record import Origin, SpooledEntry, Stamp
from gateway.wire.line import EVENT

QUARTER_MS = 900_000
_SUSPECT = b"_suspect"
_MARKS = frozenset({b"status", b"clock"})


@dataclass(frozen=True, slots=True)
class Thinned:
    """What survives, and what went."""

    kept: tuple[tuple[Origin, SpooledEntry], ...]
    """In order of time."""
    read: int
    """Entries that could be read."""
    count: int
    """Readouts that lost values, or went altogether."""
    from_ms: int
    to_ms: int


class _Reading(NamedTuple):
    origin: Origin
    entry: SpooledEntry
    reduced: SpooledEntry
    counters: tuple[bytes, ...]


def thin(
    segment: LoadedSegment,
    waiting: Mapping[str, RangeSet],
    *,
    anchors: Anchors,
    counters: frozenset[bytes],
    most_bytes: int,
) -> Thinned:
    """Return what to keep of a segment.

    Args:
        segment: The oldest.
        waiting: Run → entries in it without receipt; all others go without loss.
        anchors: Times of entries that have none.
        counters: Names of points.
        most_bytes: Of what is kept. Where it is more, readings go and events stay; where those are more, all goes.
    """
    events: list[tuple[Origin, SpooledEntry]] = []
    readings: list[_Reading] = []
    for origin, waits in _entries(segment, waiting):
        entry = _timed(waits, origin, anchors)
        if is_event(entry.body):
            events.append((origin, entry))
        else:
            readings.append(_reduced(origin, entry, counters))
    last = {key: index for index, reading in enumerate(readings) for key in _keys(reading)}
    survivors = [readings[index] for index in sorted(set(last.values()))]
    event_count = len(events)
    if _size(events) > most_bytes:
        events = []
    if _size(events) + sum(len(reading.reduced.body) for reading in survivors) > most_bytes:
        survivors = []
    whole = {id(reading) for reading in survivors if reading.reduced == reading.entry}
    times = [reading.entry.time_ms for reading in readings if id(reading) not in whole]
    kept = [*events, *((reading.origin, reading.reduced) for reading in survivors)]
    return Thinned(
        kept=tuple(sorted(kept, key=lambda each: each[1].time_ms)),
        read=len(readings) + event_count,
        count=len(times),
        from_ms=min(times, default=0),
        to_ms=max(times, default=0),
    )


def is_event(body: bytes) -> bool:
    """Return whether a line is an event, a gap among them."""
    return _line(body).startswith(EVENT.encode() + b",")


def _entries(segment: LoadedSegment, waiting: Mapping[str, RangeSet]) -> Iterator[tuple[Origin, SpooledEntry]]:
    for run, ranges in waiting.items():
        for block in segment.blocks(run):
            wanted = ranges.overlap(block.first, block.last)
            entries = segment.unpack(block) if wanted else ()
            for first, last in wanted if entries else ():
                for entry in entries[first - block.first : last - block.first + 1]:
                    yield block.origin, entry


def _timed(entry: SpooledEntry, origin: Origin, anchors: Anchors) -> SpooledEntry:
    """Return the entry with the time that an anchor gives it, as it is where there is none."""
    time_ms = anchors.time_ms(entry, origin.boot)
    anchor = anchors.resolve(origin.boot, entry.monotonic_ms)
    if entry.stamp is not Stamp.NONE or time_ms is None or anchor is None:
        return entry
    return entry._replace(time_ms=time_ms, stamp=Stamp.UNCERTAIN if anchor.uncertain else Stamp.CERTAIN)


def _reduced(origin: Origin, entry: SpooledEntry, counters: frozenset[bytes]) -> _Reading:
    """Return the entry with its counters, what says that they are suspect, and its status and clock marks."""
    head, _, text = _line(entry.body).partition(b" ")
    fields = [(field.partition(b"=")[0], field) for field in text.split(b",")]
    kept = [field for name, field in fields if name.removesuffix(_SUSPECT) in counters or name in _MARKS]
    found = tuple(name for name, _ in fields if name in counters)
    return _Reading(origin, entry, entry._replace(body=head + b" " + b",".join(kept)), found)


def _keys(reading: _Reading) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield series, quarter and name of every counter in a reading; the last reading with each one is kept."""
    series = reading.entry.body.partition(b" ")[0]
    quarter = reading.entry.time_ms // QUARTER_MS
    return ((series, quarter, name) for name in reading.counters)


def _line(body: bytes) -> bytes:
    return body.rpartition(b"\n")[2]


def _size(entries: Sequence[tuple[Origin, SpooledEntry]]) -> int:
    return sum(len(entry.body) for _, entry in entries)
