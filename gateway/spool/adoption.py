"""Taking over what an earlier process left: entries, their times, and what must be declared as lost."""

from collections.abc import Mapping, Sequence

from gateway.core.readout import Event
from gateway.spool.anchors import Anchor
from gateway.spool.ledger import Kept
from gateway.spool.losses import damaged, sudden_end, unreadable
from gateway.spool.ranges import RangeSet
from gateway.spool.record import FOREVER_MS, Record, SpooledEntry, Stamp, unpack_entries
from gateway.spool.recovery import FoundSegment, Notes, RingFound, read_notes
from gateway.spool.ring import FlashRing
from gateway.spool.segment import PAGE_BYTES, Scan
from gateway.spool.state import Clue, SpoolState
from gateway.spool.tier import Shelf

Stored = Mapping[str, RangeSet]
"""Run → entries that the store has confirmed."""
Left = Sequence[tuple[Shelf, Scan]]
"""The RAM tier as an earlier process left it."""


def recover(state: SpoolState, ring: FlashRing, *, found: RingFound | None, left: Left) -> list[Event]:
    """Take over flash and RAM tier; return what is to be declared.

    Args:
        state: Of the new spool, empty.
        ring: To be continued.
        found: What is on flash, None when it cannot be read now.
        left: What is in the RAM tier.
    """
    notes = Notes()
    for _, scan in left:
        read_notes(scan.records, notes)
    if found is not None:
        adopt_ring(state, ring, found, released=notes.stored)
    for anchor in notes.anchors:
        if anchor not in state.times.anchors:
            state.times.pending.append(anchor)
    _adopt_tier(state, left, (notes.stored, found.notes.stored if found else {}))
    estimate(state)
    events = [] if found is None else ring_losses(state, found)
    damage = [each for _, scan in left for each in scan.damage]
    events += damaged(damage, lambda *stretch: _still_here(state, notes.stored, stretch), now_ms=state.clock.utc_ms())
    end = sudden_end(
        found.notes.life if found else None,
        boot=state.origin.boot,
        tier_survived=any(record.origin.boot == state.origin.boot for _, scan in left for record in scan.records),
        now_ms=state.clock.utc_ms(),
        unmarked_ms=None if state.clock.synchronised() else round(state.setup.mark_every_s * 1000),
    )
    return [end, *events] if end else events


def adopt_ring(state: SpoolState, ring: FlashRing, found: RingFound, *, released: Stored) -> None:
    """Take over what is on flash.

    Args:
        state: Of the spool.
        ring: To be continued.
        found: What is on flash.
        released: What is confirmed beside what flash knows to be.
    """
    newest = found.segments[-1] if found.segments else None
    ring.adopt(
        [*(segment.name for segment in found.segments), *found.unused],
        unused=found.unused,
        misshapen=found.misshapen,
        generation=newest.generation if newest else 0,
    )
    if newest is not None:
        _resume(ring, newest)
    for segment in found.segments:
        state.generations[segment.name] = segment.generation
        state.found[segment.name] = segment.spans
        for span in segment.spans:
            state.places.put(segment.name, span)
    for run, ranges in released.items():
        for first, last in ranges:
            state.note_released(run, first, last)
    state.times.confirm(list(found.notes.anchors))
    if found.notes.life is not None:
        state.undeclared_ms = found.notes.life.instant_ms
    _hold(state, found.notes.stored)
    times = [span.last_ms for segment in found.segments for span in segment.spans if span.stamp is not Stamp.NONE]
    life_ms = found.notes.life.last_time_ms if found.notes.life else 0
    state.times.last_time_ms = max([state.times.last_time_ms, life_ms, *times])


def ring_losses(state: SpoolState, found: RingFound) -> list[Event]:
    """Return the gaps that damage on flash left."""
    now_ms = state.clock.utc_ms()
    events: list[Event] = []
    for segment in found.segments:
        damage = segment.scan.damage if segment.scan else ()
        events += damaged(damage, lambda *stretch: _still_here(state, found.notes.stored, stretch), now_ms=now_ms)
    if found.unreadable:
        earliest = (span.time_ms for segment in found.segments for span in segment.spans)
        events.append(unreadable(min(earliest, default=now_ms), now_ms))
    return events


def _resume(ring: FlashRing, newest: FoundSegment) -> None:
    """Go on in the newest segment, behind everything that was ever written there."""
    scan = newest.scan
    if scan is None or scan.header is None or not newest.is_whole:
        return
    torn = [damage.offset + damage.length for damage in scan.damage if damage.offset >= scan.end]
    end = max([scan.end, *torn])
    position = end + -end % PAGE_BYTES if torn else end
    if position < ring.limit:
        ring.resume(newest.name, newest.generation, position=position, spans=newest.spans)


def _hold(state: SpoolState, stored: Stored) -> None:
    """Take in what is on flash and neither confirmed nor in memory, oldest run first."""
    places, ledger = state.places, state.ledger
    for run in places.runs():
        known = RangeSet([*stored.get(run, ()), *state.unsaved.get(run, ())])
        rank = min(place.span.time_ms for place in places.of_run(run))
        for place in places.of_run(run):
            waiting = RangeSet([(place.first, place.last)])
            apart = [*known.overlap(place.first, place.last), *ledger.overlap(run, place.first, place.last)]
            for first, last in apart:
                waiting.remove(first, last)
            if waiting:
                ledger.open_run(run, place.span.boot, rank=rank)
            anchor = state.times.anchors.resolve(place.span.boot, place.span.monotonic_ms)
            for first, last in waiting:
                ledger.hold((run, first, last), timed=place.span.stamp is not Stamp.NONE or anchor is not None)


def _adopt_tier(state: SpoolState, left: Left, stored: Sequence[Stored]) -> None:
    """Take in what is only in the RAM tier."""
    now_s = state.clock.monotonic()
    lines = [
        (shelf, record, entry)
        for shelf, scan in left
        for record in scan.records
        if record.holds_entries
        for entry in unpack_entries(record) or ()
    ]
    for shelf, record, entry in sorted(lines, key=lambda each: each[1].first):
        run, sequence = record.origin.run, record.first
        known = any(sequence in each.get(run, RangeSet()) for each in stored)
        if known or state.places.find(run, sequence) or sequence in state.ledger.recent(run):
            continue
        state.ledger.open_run(run, record.origin.boot, rank=entry.time_ms)
        anchor = state.times.anchors.resolve(record.origin.boot, entry.monotonic_ms)
        timed = entry.stamp is not Stamp.NONE or anchor is not None
        state.ledger.keep(run, sequence, Kept(entry, record.origin, now_s, shelf), timed=timed)
        _note_time(state, record, entry)


def _note_time(state: SpoolState, record: Record, entry: SpooledEntry) -> None:
    time_ms = state.times.anchors.time_ms(entry, record.origin.boot)
    state.times.last_time_ms = max(state.times.last_time_ms, time_ms or 0)


def estimate(state: SpoolState) -> None:
    """Fix the times of earlier boots that never knew theirs by the wall clock of that time, after all times given."""
    boots: dict[str, list[Clue]] = {}
    ends: dict[str, int] = {}
    for boot, (run, first, last) in state.ledger.untimed():
        expected = any(anchor.boot == boot for anchor in state.times.pending)
        if boot != state.origin.boot and not expected:
            boots.setdefault(boot, []).extend((state.clue(run, first), state.clue(run, last)))
            ends[boot] = max(ends.get(boot, 0), state.latest_ms(run, last))
    for boot, clues in sorted(boots.items(), key=lambda each: min(clue.wall_ms for clue in each[1])):
        earliest, latest = min(clues), max(clues)
        offset_ms = max(latest.wall_ms - latest.monotonic_ms, state.times.last_time_ms + 1 - earliest.monotonic_ms)
        state.times.expect(Anchor(boot, FOREVER_MS, offset_ms, uncertain=True), ends[boot])


def _still_here(state: SpoolState, stored: Stored, stretch: tuple[str, int, int]) -> int:
    """Return how many of these entries are in memory, on flash or in the store."""
    run, first, last = stretch
    here = RangeSet(stored[run].overlap(first, last) if run in stored else ())
    for start, end in state.ledger.overlap(run, first, last):
        here.add(start, end)
    for place in state.places.overlapping(run, first, last):
        here.add(max(first, place.first), min(last, place.last))
    return here.count
