"""What the page remembers of each device: its last readout, today's count, and the last hour of every point."""

import asyncio
import math
from array import array
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.app.standing import standing
from gateway.core.clock import Clock
from gateway.core.readout import Readout, Status, Value
from gateway.web.facts import Completeness, Samples

BUCKET_S = 20.0
"""The last hour is kept as the last value of each such time."""
BUCKETS = 180
SHORTEST_S = 1.0
"""Between two words to whoever watches."""
LONGEST_S = 5.0

Changed = frozenset[tuple[str, str]]


class Trail:
    """The last hour of one point."""

    __slots__ = ("_last", "_values")

    def __init__(self) -> None:
        self._values = array("d", [math.nan]) * BUCKETS
        self._last = -1

    def put(self, value: float, monotonic_s: float) -> None:
        """Remember a value."""
        bucket = int(monotonic_s // BUCKET_S)
        for passed in range(max(self._last + 1, bucket - BUCKETS + 1), bucket):
            self._values[passed % BUCKETS] = math.nan
        self._values[bucket % BUCKETS] = value
        self._last = max(self._last, bucket)

    def samples(self, now_s: float, now_ms: int) -> list[tuple[int, float]]:
        """Return UTC and value of what is kept, ascending."""
        newest = int(now_s // BUCKET_S)
        found = []
        for bucket in range(newest - BUCKETS + 1, min(newest, self._last) + 1):
            value = self._values[bucket % BUCKETS]
            if not math.isnan(value):
                found.append((now_ms - round((now_s - (bucket + 1) * BUCKET_S) * 1000), value))
        return found


@dataclass(frozen=True, slots=True)
class Days:
    """How complete the days of one device are, as a store holds them."""

    today: Completeness
    yesterday: Completeness | None
    """None where the device was not there yet."""


@dataclass(slots=True)
class Held:
    """One point as it was last."""

    value: Value
    raw: tuple[int, ...]
    monotonic_s: float
    suspect: bool
    trail: Trail = field(default_factory=Trail)


@dataclass(slots=True)
class DeviceMemory:
    """One device."""

    status: Status | None = None
    monotonic_s: float = -math.inf
    points: dict[str, Held] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    """Points that the last readout was to hold and did not."""
    outcomes: dict[str, int] = field(default_factory=dict)
    day: int = 0
    since_ms: int = 0
    due: int = 0
    got: int = 0
    today: Completeness | None = None
    """As the store holds it; None where nobody asked a store."""
    yesterday: Completeness | None = None

    @property
    def completeness(self) -> Completeness | None:
        """Of the local day, or since the program started while no store can tell; None where nothing was due."""
        if self.today is not None and self.today.due:
            return self.today
        return Completeness(self.since_ms, self.due, self.got, self.due - self.got) if self.due else None

    def note_days(self, days: Days | None) -> None:
        """Take what a store holds in place of what was counted here, as soon as that is known."""
        if days is not None:
            self.today, self.yesterday = days.today, days.yesterday


class SiteMemory:
    """What one site said last; a live show of the recorder.

    Args:
        site: Its id.
        timezone: Whose midnight begins a day.
        clock: Time.
        watchers: Told of every change.
    """

    def __init__(self, site: str, *, timezone: str, clock: Clock, watchers: "Watchers") -> None:
        self.site = site
        self.clock = clock
        self.devices: dict[str, DeviceMemory] = {}
        self._zone = zone_of(timezone)
        self._watchers = watchers
        self._tomorrow_ms = 0
        self._day = 0

    def show(self, readout: Readout, time_ms: int | None) -> None:
        """Remember a readout."""
        memory = self.device(readout.device)
        self._count(memory, readout, self.clock.utc_ms() if time_ms is None else time_ms)
        if readout.monotonic_s < memory.monotonic_s:
            return  # backfill: it counts, and is not how the device is now
        memory.status = standing(memory.status, readout.status)
        memory.monotonic_s = readout.monotonic_s
        raws = readout.raw or ((),) * len(readout.points)
        missing = set(memory.missing) - set(readout.points)
        for point, value, raw in zip(readout.points, readout.values, raws, strict=True):
            if value is None or not math.isfinite(value):
                missing.add(point)
                continue
            held = memory.points.get(point)
            if held is None:
                held = memory.points[point] = Held(value, raw, readout.monotonic_s, suspect=False)
            held.value, held.raw, held.monotonic_s = value, raw, readout.monotonic_s
            held.suspect = point in readout.suspect
            held.trail.put(value, readout.monotonic_s)
        memory.missing = frozenset(missing)
        self._watchers.tell(self.site, readout.device)

    def device(self, name: str) -> DeviceMemory:
        """Return what is remembered of a device."""
        return self.devices.setdefault(name, DeviceMemory())

    def recent(self, device: str) -> Samples:
        """Return the last hour of a device."""
        memory = self.devices.get(device)
        now_s, now_ms = self.clock.monotonic(), self.clock.utc_ms()
        return {} if memory is None else {n: held.trail.samples(now_s, now_ms) for n, held in memory.points.items()}

    def _count(self, memory: DeviceMemory, readout: Readout, time_ms: int) -> None:
        day = self._day_of(time_ms)
        if day != memory.day:
            memory.day, memory.since_ms, memory.due, memory.got = day, time_ms, 0, 0
        name = readout.status.name.lower()
        memory.outcomes[name] = memory.outcomes.get(name, 0) + 1
        memory.due += 1
        memory.got += readout.status in {Status.OK, Status.PARTIAL}

    def _day_of(self, time_ms: int) -> int:
        if time_ms >= self._tomorrow_ms or time_ms < self._tomorrow_ms - 86_400_000:
            local = datetime.fromtimestamp(time_ms / 1000, tz=self._zone)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            self._day = local.toordinal()
            # A day of a change of the clock has 23 or 25 hours; the next look at the calendar is never late for it.
            self._tomorrow_ms = round(midnight.timestamp() * 1000) + 82_800_000
            if time_ms >= self._tomorrow_ms:
                self._tomorrow_ms = time_ms + 60_000
        return self._day


class Watchers:
    """Tells open pages what changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watching: list[tuple[set[tuple[str, str]], asyncio.Event]] = []

    def tell(self, site: str, device: str) -> None:
        """Note that a device changed."""
        for changed, wake in self._watching:
            changed.add((site, device))
            wake.set()

    async def watch(self) -> AsyncGenerator[Changed]:
        """Yield what changed, at most once a second, and nothing after five seconds without change."""
        with self._place() as (changed, wake):
            while True:
                earliest_s = self._clock.monotonic() + SHORTEST_S
                try:
                    async with asyncio.timeout(LONGEST_S):
                        await wake.wait()
                except TimeoutError:
                    yield frozenset()
                    continue
                await self._clock.sleep_until(earliest_s)
                news = frozenset(changed)
                changed.clear()
                wake.clear()
                yield news

    @contextmanager
    def _place(self) -> Iterator[tuple[set[tuple[str, str]], asyncio.Event]]:
        place = (set[tuple[str, str]](), asyncio.Event())
        self._watching.append(place)
        try:
            yield place
        finally:
            self._watching.remove(place)


def all_together(counts: Iterable[Completeness | None]) -> Completeness | None:
    """Return the completeness of all devices together, None where nothing was due."""
    counted = [each for each in counts if each is not None and each.due]
    if not counted:
        return None
    ends = [each.until_ms for each in counted if each.until_ms is not None]
    return Completeness(
        min(each.since_ms for each in counted),
        sum(each.due for each in counted),
        sum(each.got for each in counted),
        sum(each.failed for each in counted),
        max(ends, default=None),
        "store" if all(each.counted == "store" for each in counted) else "start",
    )


def zone_of(timezone: str) -> ZoneInfo:
    """Return the zone of that name; what a catalogue names and nobody knows is UTC."""
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
