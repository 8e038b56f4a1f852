"""Which UTC belongs to which monotonic instant, said once for each entry. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.core.protocols import Entry
from gateway.spool.record import MAX_INSTANT_MS, MAX_TIME_MS, Kind, Origin, Record, SpooledEntry, Stamp
from gateway.wire.line import mark_uncertain, stamp, told_apart


@dataclass(frozen=True, slots=True)
class Anchor:
    """UTC minus monotonic for every entry of a boot that has no time and was acquired up to an instant."""

    boot: str
    until_ms: int
    offset_ms: int
    uncertain: bool

    def time_ms(self, monotonic_ms: int) -> int:
        """Return the UTC of an instant."""
        return within_bounds(told_apart(monotonic_ms + self.offset_ms, uncertain=self.uncertain))

    def record(self, origin: Origin) -> Record:
        """Return it as it stands in a segment."""
        return Record(
            kind=Kind.ANCHOR,
            origin=origin._replace(boot=self.boot),
            monotonic_ms=self.until_ms,
            time_ms=self.offset_ms,
            stamp=Stamp.UNCERTAIN if self.uncertain else Stamp.CERTAIN,
        )


def anchor_of(record: Record) -> Anchor:
    """Return the anchor that a record holds."""
    return Anchor(record.origin.boot, record.monotonic_ms, record.time_ms, record.stamp is not Stamp.CERTAIN)


class Anchors:
    """All anchors that hold, never changed but replaced, so that another thread may keep one."""

    def __init__(self, anchors: tuple[Anchor, ...] = ()) -> None:
        self._anchors = anchors

    def plus(self, anchor: Anchor) -> "Anchors":
        """Return these and one more; where two fix the same instant, the earlier one stays in force."""
        if anchor in self._anchors:
            return self
        return Anchors(tuple(sorted((*self._anchors, anchor), key=lambda each: each.until_ms)))

    def without(self, boots: set[str]) -> "Anchors":
        """Return those of other boots."""
        return Anchors(tuple(anchor for anchor in self._anchors if anchor.boot not in boots))

    def resolve(self, boot: str, monotonic_ms: int) -> Anchor | None:
        """Return the anchor that fixes this instant, None while there is none."""
        for anchor in self._anchors:
            if anchor.boot == boot and monotonic_ms <= anchor.until_ms:
                return anchor
        return None

    def time_ms(self, entry: SpooledEntry, boot: str) -> int | None:
        """Return the time of an entry, None while it waits for an anchor."""
        if entry.stamp is not Stamp.NONE:
            return entry.time_ms
        anchor = self.resolve(boot, entry.monotonic_ms)
        return None if anchor is None else anchor.time_ms(entry.monotonic_ms)

    def line(self, entry: SpooledEntry, boot: str) -> bytes | None:
        """Return the complete line of an entry, None while it waits for an anchor."""
        if entry.stamp is Stamp.CERTAIN:
            return stamp(entry.body, entry.time_ms)
        if entry.stamp is Stamp.UNCERTAIN:
            return stamp(mark_uncertain(entry.body), entry.time_ms)
        anchor = self.resolve(boot, entry.monotonic_ms)
        if anchor is None:
            return None
        body = mark_uncertain(entry.body) if anchor.uncertain else entry.body
        return stamp(body, anchor.time_ms(entry.monotonic_ms))

    def __iter__(self) -> Iterator[Anchor]:
        return iter(self._anchors)


class Timekeeper:
    """Knows which entries have their time, and the greatest time given.

    Args:
        boot: Tag of this boot.
    """

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._in_force: Anchor | None = None
        self._untimed_ms: int | None = None
        """Greatest monotonic instant of an entry that waits."""
        self.anchors = Anchors()
        """Those that are durable."""
        self.pending: list[Anchor] = []
        """Those that must become durable before anything they fix may be offered."""
        self.last_time_ms = 0

    def enter(self, entry: Entry, wall_ms: Callable[[], int]) -> SpooledEntry:
        """Return the entry with its time, or with what the wall clock says where it must wait.

        Raises:
            ValueError: its time does not fit the wire format.
        """
        body, monotonic_ms, time_ms = entry.body, entry.monotonic_ms, entry.time_ms
        if not -MAX_INSTANT_MS <= monotonic_ms <= MAX_INSTANT_MS:
            raise ValueError(f"{monotonic_ms} ms is no instant of a monotonic clock")
        if time_ms is not None:
            if not 0 <= time_ms <= MAX_TIME_MS:
                raise ValueError(f"{time_ms} ms is no time that fits a line")
            self.last_time_ms = max(time_ms, self.last_time_ms)
            return SpooledEntry(body, monotonic_ms, time_ms, Stamp.CERTAIN)
        # What an earlier process fixed in this boot stays fixed, also for what comes late.
        anchor = self._in_force or self._known.resolve(self._boot, monotonic_ms)
        if anchor is None:
            self._untimed_ms = max(monotonic_ms, self._untimed_ms or 0)
            return SpooledEntry(body, monotonic_ms, within_bounds(wall_ms()), Stamp.NONE)
        time_ms = anchor.time_ms(monotonic_ms)
        self.last_time_ms = max(time_ms, self.last_time_ms)
        return SpooledEntry(body, monotonic_ms, time_ms, Stamp.UNCERTAIN if anchor.uncertain else Stamp.CERTAIN)

    def anchor(self, offset_ms: int, now_ms: int, *, uncertain: bool) -> Anchor:
        """Put an anchor in force and return it; it is pending where anything waits for it."""
        until_ms = max(now_ms, self._untimed_ms or 0)
        anchor = self._in_force = Anchor(self._boot, until_ms, offset_ms, uncertain)
        self._untimed_ms = None
        return anchor

    @property
    def _known(self) -> Anchors:
        known = self.anchors
        for anchor in self.pending:
            known = known.plus(anchor)
        return known

    def expect(self, anchor: Anchor, latest_ms: int) -> None:
        """Wait until the anchor is durable.

        Args:
            anchor: What fixes entries that wait.
            latest_ms: Monotonic instant of the last of them.
        """
        self.pending.append(anchor)
        self.last_time_ms = max(self.last_time_ms, anchor.time_ms(latest_ms))

    def confirm(self, anchors: list[Anchor]) -> None:
        """Note that anchors are durable."""
        for anchor in anchors:
            self.anchors = self.anchors.plus(anchor)
        self.pending = [anchor for anchor in self.pending if anchor not in anchors]


def within_bounds(time_ms: int) -> int:
    """Return the nearest time that fits the wire format."""
    return min(max(time_ms, 0), MAX_TIME_MS)
