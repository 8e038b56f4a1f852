"""How complete today and yesterday are, counted from what a store holds, so that a restart changes nothing.

A count is of one device in one quarter-hour; it is made again only where something was stored since. What was due is
computed from the catalogues: their intervals, and since when they name the device.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.app.page_memory import Days, zone_of
from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable, WireError
from gateway.core.protocols import Aggregate, History, Query
from gateway.core.readout import Status
from gateway.energy.completeness import Periods, Tally, summed
from gateway.energy.counters import INTERVAL_MS
from gateway.web.facts import Completeness
from gateway.wire.catalogue import Catalogue, decode_catalogue

log = logging.getLogger(__name__)

RENEW_S = 60.0
SOON_S = 5.0
"""While there is a device that was not counted yet."""
AT_ONCE = 200
"""Devices that are counted in one go; the others have their turn later."""
LATE_MS = 60_000
"""What is younger than this and an interval may still be on its way."""
_SERIES = re.compile(rb"kvarter,site=([a-z0-9_-]{1,64}),device=([a-z0-9_-]{1,64}) ")
_GOOD = (int(Status.OK), int(Status.PARTIAL))

Place = tuple[str, str]
"""Site and device."""


@dataclass(slots=True)
class _Counted:
    """What is known of one device."""

    periods: Periods = field(default_factory=Periods)
    tallies: dict[int, Tally] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    counted_ms: int = 0
    """Up to when the tallies are right; 0: nothing was counted yet."""
    newest_ms: int = 0


class StoredCompleteness:
    """Counts what a store holds of every device of the catalogues.

    Args:
        history: Is asked.
        clock: Time.
    """

    def __init__(self, history: History, *, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._zones: dict[str, ZoneInfo] = {}
        self._known: dict[Place, _Counted] = {}
        self._days: dict[Place, Days] = {}
        self._devices: dict[str, set[str]] = {}
        """Site → every device that a catalogue ever named."""
        self._newest_ms: dict[str, int] = {}

    def describe(self, catalogue: Catalogue, *, since_ms: int) -> None:
        """Take note of what is due from that time on."""
        self._zones[catalogue.site] = zone_of(catalogue.timezone)
        for name, entry in catalogue.devices.items():
            intervals = {point.interval_ms or entry.interval_ms for point in entry.points.values()}
            counted = self._known.setdefault((catalogue.site, name), _Counted())
            counted.periods.state(since_ms, intervals or {entry.interval_ms})
        named = self._devices.setdefault(catalogue.site, set())
        for gone in named - catalogue.devices.keys():
            self._known[catalogue.site, gone].periods.state(since_ms, ())
        named |= catalogue.devices.keys()

    def take(self, text: bytes) -> None:
        """Take a line that is stored."""
        series = _SERIES.match(text)
        if series is not None:
            self.stored(series[1].decode(), series[2].decode(), int(text[text.rindex(b" ") : -6]))

    def stored(self, site: str, device: str, time_ms: int) -> None:
        """Take note that a row was stored."""
        counted = self._known.get((site, device))
        if counted is not None:
            counted.dirty.add(time_ms - time_ms % INTERVAL_MS)
            counted.newest_ms = max(counted.newest_ms, time_ms)

    def days(self, site: str, device: str) -> Days | None:
        """Return how complete the days of a device are, None where they were not counted yet."""
        return self._days.get((site, device))

    def newest_ms(self, site: str) -> int | None:
        """Return when the newest stored readout of a site was made; None where nothing was counted yet.

        Without any since yesterday, the beginning of yesterday: it is older than that.
        """
        return self._newest_ms.get(site)

    async def run(self) -> None:
        """Count for ever; a store that does not answer is asked again."""
        while True:
            try:
                await self.renew()
            except SinkUnavailable as exc:
                log.debug("completeness waits: %s", exc)
            pause_s = RENEW_S if self._known and all(each.counted_ms for each in self._known.values()) else SOON_S
            await self._clock.sleep_until(self._clock.monotonic() + pause_s)

    async def renew(self) -> None:
        """Count what changed, those that waited longest first.

        Raises:
            SinkUnavailable: the store does not answer.
        """
        waiting = [place for place, counted in self._known.items() if counted.dirty or not counted.counted_ms]
        waiting.sort(key=lambda place: self._known[place].counted_ms)
        for place in waiting[:AT_ONCE]:
            await self._count(place, self._known[place])
        now_ms = self._clock.utc_ms()
        for place, counted in self._known.items():
            if counted.counted_ms:
                self._days[place] = self._judge(place, counted, now_ms)
                first_ms = max(counted.newest_ms, _midnights(self._zones[place[0]], now_ms)[0])
                self._newest_ms[place[0]] = max(self._newest_ms.get(place[0], 0), first_ms)

    async def _count(self, place: Place, counted: _Counted) -> None:
        now_ms = self._clock.utc_ms()
        first_ms = _midnights(self._zones[place[0]], now_ms)[0]
        end_ms = now_ms - now_ms % INTERVAL_MS + INTERVAL_MS
        wanted = set(counted.dirty) if counted.counted_ms else set(range(first_ms, end_ms, INTERVAL_MS))
        wanted = {start_ms for start_ms in wanted if first_ms <= start_ms < end_ms}
        is_first = not counted.counted_ms
        taken, counted.dirty = counted.dirty, set()
        try:
            if wanted:
                between = min(wanted), max(wanted) + INTERVAL_MS
                found = await self._tallies(place, between)
                counted.tallies = {
                    start_ms: tally for start_ms, tally in counted.tallies.items() if start_ms >= first_ms
                } | {start_ms: found.get(start_ms, Tally(0, 0)) for start_ms in range(*between, INTERVAL_MS)}
            if is_first:
                await self._find_newest(place, counted)
        except SinkUnavailable:
            counted.dirty |= taken
            raise
        counted.counted_ms = now_ms

    async def _tallies(self, place: Place, between: tuple[int, int]) -> Mapping[int, Tally]:
        rows = await self._ask(place, between, "count")
        worst = await self._ask(place, between, "max")
        found = {}
        for start_ms, count in rows.items():
            # Only where some readouts failed it must be looked how many.
            bad = 0
            if worst.get(start_ms, 0) > max(_GOOD):
                one_by_one = await self._statuses(place, (start_ms, start_ms + INTERVAL_MS))
                bad = sum(status not in _GOOD for _, status in one_by_one)
            found[start_ms] = Tally(count, max(0, count - bad))
        return found

    async def _find_newest(self, place: Place, counted: _Counted) -> None:
        newest_ms = max((start_ms for start_ms, tally in counted.tallies.items() if tally.rows), default=None)
        if newest_ms is not None:
            found = await self._statuses(place, (newest_ms, newest_ms + INTERVAL_MS))
            counted.newest_ms = max([counted.newest_ms, *(time_ms for time_ms, _ in found)])

    async def _ask(self, place: Place, between: tuple[int, int], aggregate: Aggregate) -> dict[int, int]:
        query = Query(*place, ("status",), *between, INTERVAL_MS, aggregate)
        return {row.time_ms: int(row.values[0] or 0) for row in await self._history.read(query)}

    async def _statuses(self, place: Place, between: tuple[int, int]) -> Sequence[tuple[int, int]]:
        rows = await self._history.read(Query(*place, ("status",), *between))
        return [(row.time_ms, int(row.values[0] or 0)) for row in rows]

    def _judge(self, place: Place, counted: _Counted, now_ms: int) -> Days:
        yesterday_ms, today_ms = _midnights(self._zones[place[0]], now_ms)
        # What came since the last count is not counted yet, so that nothing is due after it either.
        end_ms = counted.counted_ms if counted.dirty else now_ms
        shortest_ms = min(counted.periods.at(now_ms).intervals_ms, default=0)
        end_ms = min(max(end_ms - LATE_MS - shortest_ms, today_ms), now_ms)
        today = _completeness(counted, today_ms, end_ms)
        before = _completeness(counted, yesterday_ms, today_ms)
        return Days(today, before if before.due else None)


def _completeness(counted: _Counted, start_ms: int, end_ms: int) -> Completeness:
    seen = [first_ms for first_ms, tally in counted.tallies.items() if tally.rows]
    there_ms = min([each for each in (counted.periods.first_ms, *seen) if each is not None], default=end_ms)
    start_ms = min(max(start_ms, there_ms), end_ms)
    # Of the quarter-hour in hand more may be stored than was due up to the end of the count.
    last_ms = max(start_ms, end_ms - end_ms % INTERVAL_MS)
    due = got = failed = 0
    for first_ms, until_ms in ((start_ms, last_ms), (last_ms, end_ms)):
        wanted = counted.periods.expected(first_ms, until_ms)
        held = summed(counted.tallies, first_ms - first_ms % INTERVAL_MS, until_ms)
        good = min(held.good, wanted)
        due, got, failed = due + wanted, got + good, failed + min(held.rows - held.good, wanted - good)
    return Completeness(start_ms, due, got, failed, end_ms, "store")


def _midnights(zone: ZoneInfo, now_ms: int) -> tuple[int, int]:
    """Return when yesterday and today began."""
    local = datetime.fromtimestamp(now_ms / 1000, tz=zone)
    today = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return round((today - timedelta(days=1)).timestamp() * 1000), round(today.timestamp() * 1000)


def kept_catalogues(folder: Path) -> Iterator[tuple[int, Catalogue]]:
    """Yield every catalogue that a collector kept, with the UTC at which it came, ascending."""
    found = []
    for path in folder.glob("*/*.json"):
        try:
            found.append((path.stat().st_mtime_ns // 1_000_000, path))
        except OSError as exc:
            log.warning("page: %s: %s", path, exc.strerror)
    for came_ms, path in sorted(found):
        try:
            yield came_ms, decode_catalogue(path.read_bytes())
        except (OSError, WireError) as exc:
            log.warning("page: %s: %s", path, exc)
