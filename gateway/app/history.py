"""The past of one point, from an embedded store, for the terminal; whoever writes the store is not disturbed."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.app.configuration import load_configuration
from gateway.app.folders import data_folder
from gateway.app.history_plot import bar_plot, line_plot, time_axis, width_of
from gateway.core.errors import ConfigError
from gateway.core.protocols import Query
from gateway.core.quantity import Kind, Quantity, Vocabulary, load_vocabulary
from gateway.core.scalars import format_duration, parse_duration
from gateway.energy.counters import INTERVAL_MS
from gateway.stores.database import DamagedDatabase, Database, open_to_read
from gateway.stores.history import HistoryReader
from gateway.stores.marks import Marks
from gateway.stores.outline import OutlineReader
from gateway.stores.read_back import ReadBack
from gateway.stores.schema import DATABASE_NAME
from gateway.stores.tables import Tables
from gateway.web.history_ask import parse_instant
from gateway.web.history_csv import local_text, utc_text

DEFAULT_MS = 86_400_000
HEIGHT = 12
Number = float | int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are stored, and how their time is written."""

    folder: Path
    site: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """One stretch of time of one point."""

    time_ms: int
    value: Number
    """Mean of a gauge, amount of a counter, last value of everything else."""
    least: Number = None
    greatest: Number = None

    @property
    def span(self) -> tuple[float, float]:
        """Least and greatest, both the value where only that is known."""
        value = float(self.value or 0)
        low = value if self.least is None else float(self.least)
        return low, value if self.greatest is None else float(self.greatest)


@dataclass(frozen=True, slots=True)
class PointHistory:
    """One point over a stretch of time; buckets of which nothing is known are absent."""

    site: str
    device: str
    quantity: Quantity
    timezone: str
    start_ms: int
    end_ms: int
    length_ms: int
    buckets: Sequence[Bucket]

    def drawing(self, columns: int) -> list[str]:
        """Return the lines of a terminal of so many columns."""
        width = width_of(columns)
        zone = ZoneInfo(self.timezone)
        ends = [local_text(each, zone)[:16].replace("T", " ") for each in (self.start_ms, self.end_ms)]
        how = {Kind.COUNTER: "counted", Kind.GAUGE: "mean"}.get(self.quantity.kind, "last value")
        unit = "" if self.quantity.unit == "1" else f" [{self.quantity.unit}]"
        head = f"{self.device} {self.quantity.name}{unit}, {how} per {format_duration(self.length_ms / 1000)}"
        if not self.buckets:
            return [head, f"nothing is stored from {ends[0]} to {ends[1]}"]
        if self.quantity.kind is Kind.COUNTER:
            drawn = bar_plot(self._amounts(width), height=HEIGHT)
        else:
            drawn = line_plot(self._spans(2 * width), height=HEIGHT)
        return [head, *drawn, time_axis(width, *ends), self._summary()]

    def _summary(self) -> str:
        values = [float(each.value) for each in self.buckets if each.value is not None]
        if self.quantity.kind is Kind.COUNTER:
            return f"sum {sum(values):.6g} {self.quantity.unit} in {len(values)} stretches that are known"
        least = min(each.span[0] for each in self._known())
        greatest = max(each.span[1] for each in self._known())
        return f"least {least:.6g}, greatest {greatest:.6g}, last {values[-1]:.6g}"

    def _known(self) -> Iterator[Bucket]:
        return (each for each in self.buckets if each.value is not None)

    def _column(self, time_ms: int, width: int) -> int:
        share = (time_ms - self.start_ms) / (self.end_ms - self.start_ms)
        return min(max(int(share * width), 0), width - 1)

    def _spans(self, width: int) -> list[tuple[float, float] | None]:
        spans: list[tuple[float, float] | None] = [None] * width
        for each in self._known():
            low, high = each.span
            first = self._column(each.time_ms, width)
            for place in range(first, max(self._column(each.time_ms + self.length_ms - 1, width), first) + 1):
                held = spans[place]
                spans[place] = (low, high) if held is None else (min(low, held[0]), max(high, held[1]))
        return spans

    def _amounts(self, width: int) -> list[float | None]:
        amounts: list[float | None] = [None] * width
        for each in self._known():
            first = self._column(each.time_ms, width)
            for place in range(first, max(self._column(each.time_ms + self.length_ms - 1, width), first) + 1):
                amounts[place] = max(amounts[place] or 0.0, float(each.value or 0.0))
        return amounts

    def as_csv(self) -> str:
        """Return the values as CSV with their unit in the header."""
        out, zone = io.StringIO(), ZoneInfo(self.timezone)
        writer = csv.writer(out, lineterminator="\n")
        name = f"{self.device}.{self.quantity.name}"
        writer.writerow(
            ["time_utc", "time_local", *(f"{name}{each} [{self.quantity.unit}]" for each in self._columns())]
        )
        for each in self.buckets:
            cells = (each.value, each.least, each.greatest)[: len(self._columns())]
            texts = ["" if cell is None else repr(cell) for cell in cells]
            writer.writerow([utc_text(each.time_ms), local_text(each.time_ms, zone), *texts])
        return out.getvalue()

    def _columns(self) -> Sequence[str]:
        return ("", " least", " greatest") if self.quantity.kind is Kind.GAUGE else ("",)

    def as_json(self) -> str:
        """Return the values as one JSON object."""
        values: list[Mapping[str, object]] = [
            {
                "time": utc_text(each.time_ms),
                "value": each.value,
                **({"least": each.least, "greatest": each.greatest} if each.least is not None else {}),
            }
            for each in self.buckets
        ]
        said = {"site": self.site, "device": self.device, "point": self.quantity.name, "unit": self.quantity.unit}
        return json.dumps({**said, "bucket_s": self.length_ms / 1000, "values": values})


def place_of(*, store: Path | None, site: Path | None, environment: Mapping[str, str]) -> Place:
    """Return where a site keeps its values, or the store that is named.

    Raises:
        ConfigError: neither or both are named, or the site file is wrong.
    """
    if (store is None) == (site is None):
        raise ConfigError("name either the folder of a store (--store) or a site file (--site)")
    if store is not None:
        return Place(store.parent if store.name == DATABASE_NAME else store, None, "UTC")
    if site is None:
        raise ConfigError("name a site file (--site)")
    settings = load_configuration(site, load_vocabulary()).site
    folder = settings.store.path or data_folder(settings.data, settings.site, environment) / "store"
    return Place(Path(folder), settings.site, settings.timezone)


def read_history(place: Place, device: str, point: str, *, between: tuple[int, int], length_ms: int) -> PointHistory:
    """Return the past of a point in buckets of a length.

    Raises:
        ConfigError: there is no such store, device or point.
        SinkUnavailable: the store cannot be read.
    """
    vocabulary = load_vocabulary()
    if point not in vocabulary:
        raise ConfigError(f"{point}: the vocabulary has no such point")
    quantity = vocabulary[point]
    with _opened(place.folder) as database:
        site = _site_of(ReadBack(database), place, device)
        if quantity.kind is Kind.COUNTER:
            length_ms = max(-(-length_ms // INTERVAL_MS) * INTERVAL_MS, INTERVAL_MS)
        query = Query(site, device, (point,), *between, length_ms)
        length_ms, buckets = _buckets(_reader(database, vocabulary), query, quantity)
    return PointHistory(site, device, quantity, place.timezone, *between, length_ms, buckets)


def range_of(start: str | None, end: str | None, *, now_ms: int, timezone: str) -> tuple[int, int]:
    """Return a stretch of time: instants, or a duration before its end; the last day where nothing is said.

    Raises:
        ConfigError: it is no stretch of time.
    """
    try:
        end_ms = now_ms if end is None else parse_instant(end, timezone)
        start_ms = end_ms - DEFAULT_MS if start is None else _start(start, end_ms, timezone)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    if start_ms >= end_ms:
        raise ConfigError("--from must be earlier than --to")
    return start_ms, end_ms


def length_of(every: str | None, *, between: tuple[int, int], columns: int) -> int:
    """Return the length of the buckets: as asked for, else what a terminal can show.

    Raises:
        ConfigError: it is no duration, or far too short for the stretch.
    """
    span_ms = between[1] - between[0]
    if every is None:
        least_ms = span_ms / (2 * width_of(columns))
        steps_s = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)
        return next((step * 1000 for step in steps_s if step * 1000 >= least_ms), 30 * 86_400_000)
    try:
        length_ms = round(parse_duration(every) * 1000)
    except ValueError as exc:
        raise ConfigError(f"--every: {exc}") from exc
    if length_ms < 1:
        raise ConfigError("--every: a piece must be longer than that; 15min, for example")
    if span_ms / length_ms > 1_000_000:  # noqa: PLR2004 - a million lines are no answer
        raise ConfigError("--every: that is more than a million values; take longer pieces or a shorter time")
    return length_ms


def _start(text: str, end_ms: int, timezone: str) -> int:
    try:
        return end_ms - round(parse_duration(text) * 1000)
    except ValueError:
        pass
    try:
        return parse_instant(text, timezone)
    except ValueError as exc:
        raise ValueError(f"--from {text}: write 2026-06-01T12:00, or so long before the end: 7d, 12h or 30min") from exc


@contextmanager
def _opened(folder: Path) -> Iterator[Database]:
    path = folder / DATABASE_NAME
    if not path.exists():
        raise ConfigError(f"{folder}: there is no store; `kvarter run` makes one, --store names another folder")
    try:
        database = open_to_read(path)
    except DamagedDatabase as exc:
        raise ConfigError(str(exc)) from exc
    try:
        yield database
    finally:
        database.close()


def _site_of(back: ReadBack, place: Place, device: str) -> str:
    sites = [site for site in ([place.site] if place.site else back.sites()) if device in back.devices(site)]
    if sites:
        return sites[0]
    known = sorted({name for site in back.sites() for name in back.devices(site)})
    raise ConfigError(f"{device}: nothing of it is stored; the store holds {', '.join(known) or 'no device'}")


def _reader(database: Database, vocabulary: Vocabulary) -> OutlineReader:
    tables, marks = Tables(database), Marks(database)
    reader = HistoryReader(database, tables=tables, marks=marks, vocabulary=vocabulary)
    return OutlineReader(database, tables=tables, marks=marks, reader=reader, vocabulary=vocabulary)


def _buckets(reader: OutlineReader, query: Query, quantity: Quantity) -> tuple[int, list[Bucket]]:
    if quantity.kind is not Kind.COUNTER:
        outline = reader.outline(query)
        return outline.resolution_ms, [Bucket(row.time_ms, *row.values) for row in outline.rows]
    length_ms = query.resolution_ms or INTERVAL_MS
    sums: dict[int, float] = {}
    for row in reader.quarters(query):
        start_ms = row.time_ms // length_ms * length_ms
        sums[start_ms] = round(sums.get(start_ms, 0.0) + float(row.values[0] or 0.0), 6)
    return length_ms, [Bucket(start_ms, amount) for start_ms, amount in sums.items()]
