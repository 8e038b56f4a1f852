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
