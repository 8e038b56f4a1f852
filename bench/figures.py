"""What is reported, in which unit, and what it should be: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Measured = dict[str, dict[str, dict[str, float]]]
"""Subject → kvarter or peer → figure → value."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one subject."""

    subject: str
    figure: str
    what: str
    unit: str
    good: Literal["low", "high"]
    target: float | None = None
    """It should be at most, or at least, this."""
    worst: bool = False
    """Of several rounds the worst one counts: faults are not an accident of a busy machine."""
    compared: bool = True
    """The peer does the same, so that a ratio says something."""


@dataclass(frozen=True, slots=True)
class Result:
    """A figure as it was measured."""

    subject: str
    figure: str
    what: str
    unit: str
    good: str
    target: float | None
    compared: bool
    kvarter: float
    peer: float | None

    @property
    def ratio(self) -> float | None:
        """Ours to the peer's, where that says something."""
        return self.kvarter / self.peer if self.compared and self.peer else None

    @property
    def is_met(self) -> bool:
        """Whether the target, if there is one, is met."""
        return self.target is None or not _is_worse(self.kvarter, self.target, self.good)

    @property
    def is_behind(self) -> bool:
        """Whether the peer, if there is one, is better."""
        return self.compared and self.peer is not None and _is_worse(self.kvarter, self.peer, self.good)


def _is_worse(value: float, than: float, good: str) -> bool:
    return value > than if good == "low" else value < than


def _edge(devices: int) -> tuple[Row, ...]:
    subject, who = f"edge_{devices}", f"{devices} meters"
    cpu_s, memory_mb = (10.0, 60.0) if devices == 50 else (None, None)
    return (
        Row(subject, "cpu_s_per_million_points", f"{who}: CPU time", "s per million points", "low", cpu_s),
        Row(subject, "peak_mb", f"{who}: peak memory", "MB", "low", memory_mb),
        Row(subject, "polls_missing", f"{who}: missing polls", "", "low", 0.0, worst=True),
    )


def _rtu(baudrate: int, form: str, character_bits: int) -> tuple[Row, ...]:
    subject, line = f"rtu_{baudrate}", f"{baudrate} baud {form}"
    silence_ms = 3.5 * character_bits / baudrate * 1000
    return (
        Row(subject, "share_percent", f"{line}: share of what the wire allows", "%", "high", 95.0, compared=False),
        Row(subject, "requests_per_s", f"{line}: requests", "per s", "high", compared=False),
        Row(subject, "in_silence", f"{line}: requests inside the silence", "", "low", 0.0, worst=True),
        Row(
            subject, "idle_least_ms", f"{line}: shortest silence", "ms", "high", silence_ms, worst=True, compared=False
        ),
        Row(subject, "idle_median_ms", f"{line}: median silence", "ms", "low", compared=False),
        Row(subject, "cpu_ms_per_read", f"{line}: CPU time", "ms per read", "low"),
    )


def _wear(subject: str, what: str, most_bytes: float, most_flushes: float) -> tuple[Row, ...]:
    return (
        Row(subject, "bytes_per_reading", f"{what}: written", "bytes per reading", "low", most_bytes),
        Row(subject, "flushes_per_1000_readings", f"{what}: flushes", "per 1,000 readings", "low", most_flushes),
        Row(subject, "mb_per_day", f"{what}: written", "MB per day", "low"),
    )


def _page() -> tuple[Row, ...]:
    spans = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "all": "all ten million values"}
    waits = [
        Row("page_history", f"{key}_ms", f"history over {span}", "ms", "low", 500.0) for key, span in spans.items()
    ]
    return (
        Row("page_paint", "best_ms", "first paint of the demo's site, best of seven", "ms", "low", 300.0),
        Row("page_paint", "median_ms", "first paint of the demo's site, median", "ms", "low", 300.0),
        Row("page_paint", "page_kb", "weight of that page, everything together", "kB", "low", 150.0),
        *waits,
        Row("page_history", "all_worst_ms", "history over all of them, the slowest of five", "ms", "low", 500.0),
        Row("page_viewer", "site_percent", "CPU for an open page of the site", "% of a core", "low", 2.0),
        Row("page_viewer", "device_percent", "CPU for an open page of a device", "% of a core", "low", 2.0),
        Row("page_viewer", "site_update_kb", "one update of the site's page", "kB", "low"),
        Row("page_viewer", "device_update_kb", "one update of a device's page", "kB", "low"),
    )


ROWS: Sequence[Row] = (
    *_edge(50),
    *_edge(200),
    *_rtu(9600, "8N1", 10),
    *_rtu(19200, "8E1", 11),
    Row("collector", "points_per_cpu_s", "throughput of one core", "points per CPU-s", "high", 200_000.0),
    Row("collector", "points_per_s", "throughput", "points per s", "high"),
    Row("collector", "points_missing", "missing points", "", "low", 0.0, worst=True),
    Row("collector", "peak_mb", "peak memory", "MB", "low"),
    Row("spool_append", "append_us", "append of one readout", "µs", "low"),
    Row("spool_with_receipts", "flash_mb_per_day", "flash while receipts come", "MB per day", "low"),
    Row("spool_with_receipts", "flushes_per_minute", "flushes while receipts come", "per minute", "low"),
    Row("spool_without_receipts", "flash_bytes_per_reading", "flash without receipts", "bytes per reading", "low"),
    Row("spool_without_receipts", "flash_mb_per_day", "flash without receipts", "MB per day", "low"),
    Row("spool_without_receipts", "flushes_per_minute", "flushes without receipts", "per minute", "low"),
    Row("decode_mbus", "frames_per_s", "M-Bus frames decoded on one core", "per s", "high", 5000.0),
    Row("decode_mbus", "records_per_frame", "records in each", "", "high"),
    Row("decode_p1", "telegrams_per_s", "P1 telegrams decoded on one core", "per s", "high", 2000.0),
    Row("decode_p1", "records_per_telegram", "records in each", "", "high"),
    *_wear("wear_with_receipts", "while receipts come", 2.0, 1.0),
    *_wear("wear_without_receipts", "without receipts", 70.0, 11.0),
    *_wear("wear_usual_mount_with_receipts", "usual mount, while receipts come", 2.0, 1.0),
    *_wear("wear_usual_mount_without_receipts", "usual mount, without receipts", 70.0, 11.0),
    Row("wear_month", "gb_in_30_days", "thirty days without receipts in the ring", "GB", "low", 1.5),
    Row("drain", "times_faster", "the backlog drains faster than it was sampled", "times", "high", 100.0),
    Row("drain", "readings_per_s", "readings drained", "per s", "high"),
    Row("drain", "live_latest_s", "live readout with the latest receipt meanwhile", "s", "low", 2.0, worst=True),
    Row("drain", "live_median_s", "median time from acquisition to receipt", "s", "low"),
    *_page(),
    Row("simulation", "days", "simulated gateway-days of ten devices at 60 s", "", "high", 50.0),
    Row("simulation", "readouts", "readouts, each in the store once or in a gap", "", "high"),
    Row("simulation", "faults", "faults", "", "high"),
    Row("simulation", "power_cuts", "of them power cuts", "", "high"),
    Row("simulation", "starts", "starts of the edge", "", "high"),
    Row("simulation", "lost", "readouts lost, each in a declared gap", "", "low"),
    Row("simulation", "violations", "broken invariants", "", "low", 0.0, worst=True),
    Row("simulation", "days_a_minute", "gateway-days a minute", "", "high", 25.0),
    Row("kills", "kills", "processes killed", "", "high", 1000.0),
    Row("kills", "edge", "of them edges", "", "high"),
    Row("kills", "collector", "of them collectors", "", "high"),
    Row("kills", "broker_without_persistence", "of them brokers without persistence", "", "high", 50.0),
    Row("kills", "broker_with_persistence", "of them brokers with persistence", "", "high"),
    Row("kills", "values", "values stored as they were served", "", "high"),
    Row("kills", "lost", "values lost", "", "low", 0.0, worst=True),
    Row("kills", "invented", "values invented", "", "low", 0.0, worst=True),
    Row("kills", "differing", "values altered", "", "low", 0.0, worst=True),
    Row("kills", "gaps", "gaps declared", "", "low", 0.0, worst=True),
    Row("powercuts", "cuts", "power cuts", "", "high", 1000.0),
    Row("powercuts", "durable", "durable readouts found again, summed over the cuts", "", "high"),
    Row(
        "powercuts",
        "faults",
        "durable, altered, invented or undeclared ones among the lost",
        "",
        "low",
        0.0,
        worst=True,
    ),
    Row("powercuts", "failed_starts", "failed starts", "", "low", 0.0, worst=True),
    Row("powercuts", "oldest_lost_s", "oldest readout lost, at the pace of a gateway", "s", "low", 5.0, worst=True),
    Row("powercuts", "repaired", "cuts after which ext4 needed its check", "", "low"),
    Row("powercuts", "control_faults", "faults found in a writer that never syncs", "", "high", 1.0),
)


def results(rounds: Sequence[Measured]) -> list[Result]:
    """Return what several rounds say, as far as they were measured."""
    found = []
    for row in ROWS:
        ours = _chosen(row, "kvarter", rounds)
        if ours is not None:
            told = {name: value for name, value in asdict(row).items() if name != "worst"}
            found.append(Result(**told, kvarter=ours, peer=_chosen(row, "peer", rounds)))
    return found


def _chosen(row: Row, who: str, rounds: Sequence[Measured]) -> float | None:
    values = [
        measured[row.subject][who][row.figure]
        for measured in rounds
        if row.figure in measured.get(row.subject, {}).get(who, {})
    ]
    if not values:
        return None
    return min(values) if (row.good == "low") is not row.worst else max(values)


def to_mapping(result: Result) -> Mapping[str, object]:
    """Return the result for a file, with what follows from it."""
    return {**asdict(result), "ratio": result.ratio, "met": result.is_met}
