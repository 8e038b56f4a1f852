"""What somebody wants to see of the past, read from the part behind the `?`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

from gateway.core.scalars import parse_duration
from gateway.energy.counters import INTERVAL_MS

MOST_POINTS = 24
MOST_BUCKETS = 2000
MOST_READOUTS = 62_000
"""A drawing looks at so many readouts of a device at most; longer stretches come from quarter-hours."""
LONGEST_MS = 50 * 366 * 86_400_000
_LATEST_MS = 4_102_444_800_000
_LADDER_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
_BAR_LADDER_MS = ((4, INTERVAL_MS), (32, 3_600_000), (400, 86_400_000))
"""Days up to which a bar stands for so long; beyond that for a month."""
MONTH_MS = 30 * 86_400_000
"""Says that bars stand for calendar months."""
_DAY_MS = 86_400_000
_NAME = re.compile(r"[a-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Ask:
    """A stretch of time of some points of one device."""

    site: str
    device: str
    points: tuple[str, ...]
    start_ms: int
    """UTC, included."""
    end_ms: int
    """UTC, excluded."""
    resolution_ms: int | None = None
    """0: readouts as they are. None: what a screen needs."""
    buckets: int = 1000
    """How many a screen needs at most."""
    weeks_back: int = 0
    """How much earlier than asked for; the times of the answer are those of then."""


def parse_ask(query: Mapping[str, str], *, sites: Mapping[str, str], now_ms: int) -> Ask:
    """Return the question.

    Args:
        query: What stands behind the `?`.
        sites: Site → its time zone.
        now_ms: Where a stretch ends that does not say so.

    Raises:
        ValueError: it is no question; the text says why.
    """
    site = parse_site(query, sites)
    device = query.get("device", "")
    if not is_name(device):
        raise ValueError("device: name one")
    points = tuple(dict.fromkeys(part for part in query.get("points", "").split(",") if part))
    if not 1 <= len(points) <= MOST_POINTS or not all(map(is_name, points)):
        raise ValueError(f"points: name 1 to {MOST_POINTS}, with commas between them")
    start_ms, end_ms = parse_range(query, timezone=sites[site], now_ms=now_ms)
    buckets = _whole(query, "buckets", default=1000, most=MOST_BUCKETS)
    weeks = _whole(query, "weeks_back", default=0, most=520)
    return Ask(site, device, points, start_ms, end_ms, parse_resolution(query), buckets, weeks)


def parse_site(query: Mapping[str, str], sites: Mapping[str, str]) -> str:
    """Return the site that is meant; the only one need not be named.

    Raises:
        ValueError: there is no such site.
    """
    site = query.get("site") or (next(iter(sites)) if len(sites) == 1 else "")
    if site not in sites:
        raise ValueError("site: name one of " + ", ".join(sorted(sites)))
    return site


def is_name(text: str) -> bool:
    """Return whether a device or point can be called so."""
    return _NAME.fullmatch(text) is not None


def parse_range(query: Mapping[str, str], *, timezone: str, now_ms: int) -> tuple[int, int]:
    """Return start and end; the last day where nothing is said.

    Raises:
        ValueError: they are no instants, or the wrong way round.
    """
    end_ms = parse_instant(query["end"], timezone) if query.get("end") else now_ms
    start_ms = parse_instant(query["start"], timezone) if query.get("start") else end_ms - _DAY_MS
    if not 0 < end_ms - start_ms <= LONGEST_MS:
        raise ValueError("start, end: the end must be later than the start, by 50 years at most")
    return start_ms, end_ms


def parse_instant(text: str, timezone: str) -> int:
    """Return UTC in milliseconds of milliseconds or of ISO 8601, which is local time where it names no offset.

    Raises:
        ValueError: it is neither.
    """
    if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
        time_ms = int(text[:20])
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as exc:
            raise ValueError(f"{text[:40]!r}: write it as 2026-06-01T12:00 or in milliseconds since 1970") from exc
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(timezone))
        time_ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if not 0 <= time_ms <= _LATEST_MS:
        raise ValueError(f"{text[:40]!r}: not between 1970 and 2100")
    return time_ms


def parse_resolution(query: Mapping[str, str]) -> int | None:
    """Return the length of the buckets asked for, 0 for readouts as they are, None where it is left open.

    Raises:
        ValueError: it is no duration.
    """
    text = query.get("resolution", "")
    if text in ("", "auto"):
        return None
    if text == "raw":
        return 0
    length_s = parse_duration(text)
    if not isfinite(length_s) or not 1 <= length_s <= 366 * 86_400:
        raise ValueError("resolution: write raw, auto, or a duration such as 15min, from 1s to a year")
    return round(length_s * 1000)


def choose_resolution(ask: Ask, *, interval_ms: int) -> int:
    """Return the length of the buckets to read, 0 for readouts as they are.

    Never more buckets than a screen needs, and never more readouts than can be looked at in no time.
    """
    span_ms = ask.end_ms - ask.start_ms
    most = MOST_BUCKETS if ask.resolution_ms is not None else ask.buckets
    wanted_ms = ask.resolution_ms or 0
    if span_ms <= interval_ms * most and wanted_ms <= 0:
        return 0
    least_ms = max(span_ms / most, wanted_ms, 1000)
    if span_ms > interval_ms * MOST_READOUTS:
        least_ms = max(least_ms, INTERVAL_MS)
    if wanted_ms >= least_ms:
        return wanted_ms
    return next((each * 1000 for each in _LADDER_S if each * 1000 >= least_ms), -(-span_ms // most))


def choose_bars(ask: Ask) -> int:
    """Return what a bar of energy stands for: a quarter-hour, an hour, a day, or `MONTH_MS`."""
    if ask.resolution_ms:
        lengths = (INTERVAL_MS, 3_600_000, _DAY_MS, MONTH_MS)
        asked = next((length for length in lengths if length >= ask.resolution_ms), MONTH_MS)
        if (ask.end_ms - ask.start_ms) / asked <= MOST_BUCKETS:
            return asked
    days = (ask.end_ms - ask.start_ms) / _DAY_MS
    return next((length for most, length in _BAR_LADDER_MS if days <= most), MONTH_MS)


def earlier(time_ms: int, weeks: int, timezone: str) -> int:
    """Return the instant with the same local time so many weeks before."""
    zone = ZoneInfo(timezone)
    moment = datetime.fromtimestamp(time_ms / 1000, tz=zone)
    before = (moment.replace(tzinfo=None) - timedelta(weeks=weeks)).replace(tzinfo=zone)
    return (before.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _whole(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 6:  # noqa: PLR2004 - more digits than any limit has
        raise ValueError(f"{name}: write a whole number")
    return min(int(text), most) if name != "buckets" else max(1, min(int(text), most))
