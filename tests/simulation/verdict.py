"""What must hold after a run: every sample accounted for, nothing invented, nothing wrong. Each rule has a name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.simulation.chaos import Fault
from tests.simulation.clock import EPOCH_MS
from tests.simulation.gateway import Gateway
from tests.simulation.loop import START_S
from tests.simulation.profiles import SITE
from tests.simulation.store import Row, SimStore
from tests.simulation.truth import Sample

INVARIANTS = {
    "accounted": "Each sampled readout is in the store, or lies in a gap that is in the store.",
    "exactly-once": "No sampled readout has two rows, and no row is overwritten by another.",
    "nothing-invented": "Nothing is in the store that was never sampled.",
    "same-content": "A row has the values and the status that were sampled.",
    "no-wrong-value": "A value was served by that device, at that register, for that very poll.",
    "kill-loses-nothing": "What is lost was lost to a power cut, a broken disk, bit rot or a store that refused it.",
    "loss-window": "A power cut, or a kill where only flash survives it, takes at most 5 s and a flush in progress.",
    "gap-bounded": "A gap after a power cut reaches back at most 5 minutes and 20 seconds.",
    "honest-time": "A time without mark is right within 1.1 s.",
    "time-increases": "Times without mark increase from sample to sample of a device.",
    "schedule": "Each device has a readout for every interval that its gateway ran, whatever the wall clock does.",
    "receipt-after-store": "A receipt is published only for what the store has, or refused and a gap stands for.",
    "one-meaning": "A sequence number of a run never means two lines.",
    "read-only": "No request changes anything in a device.",
    "written-once": "What a broker delivers twice is written once, while store and collector are well.",
    "never-stuck": "Programs run until they are stopped, and everything drains when faults have ended.",
}

INTERVAL_S = 60.0
_HARMLESS = ("device", "unplug", "hang_up", "broker_repeats", "clock_jump", "clock_glitch")
"""What gives no reason to write a row twice."""
_WINDOW_S = 5.0
_FLUSH_S = 1.0
_SETTLING_S = 75.0
"""After a disk was mended: the longest wait before it is tried again, and a round."""
_TOLERANCE_MS = 1100
_LEAP_MS = 1000
_AHEAD_MS = 24 * 3_600_000 - 60_000
"""The collector refuses what lies further ahead; that such a time was given is marked in every line."""
_LONGEST_GAP_MS = 320_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap in the store."""

    start_ms: int
    end_ms: int
    cause: str
    device: str | None


@dataclass
class Verdict:
    """Judges one gateway and its store."""

    gateway: Gateway
    store: SimStore
    faults: Sequence[Fault]
    violations: list[tuple[str, str]]
    lost: int = 0
    gaps: list[Gap] = field(default_factory=list)
    _rows: dict[str, dict[int, Row]] = field(default_factory=dict)

    def judge(self) -> None:
        """Add what does not hold to the violations."""
        self._sort_rows()
        offsets: dict[int, set[int]] = {}
        for device, samples in self.gateway.truth.samples.items():
            for boot, offset_ms in _find_by_time_and_value(samples, self._rows.get(device, {})):
                # A time is made even or odd, so that it stands up to 1 ms from the clock.
                offsets.setdefault(boot, set()).update((offset_ms - 1, offset_ms, offset_ms + 1))
        for device, samples in self.gateway.truth.samples.items():
            rows = self._rows.get(device, {})
            self._match(samples, rows, offsets)
            self._compare(samples, rows)
            self._judge_missing(samples)
            self._judge_times(samples, rows)
            self._judge_schedule(device, samples)
        self._judge_gaps()
        if all(fault.kind in _HARMLESS for fault in self.faults):
            for (head, time_ms), row in self.store.rows.items():
                if row.writes > 1:
                    self._complain("written-once", f"{head} {time_ms} was written {row.writes} times")
        for bus in self.gateway.buses.values():
            for device_at in bus.devices.values():
                for request in device_at.writes:
                    self._complain("read-only", f"{device_at.name}: {request.hex()}")

    def _complain(self, name: str, text: str) -> None:
        self.violations.append((name, text))

    def _sort_rows(self) -> None:
        for (head, time_ms), row in self.store.rows.items():
            measurement, *tags = head.split(",")
            tag = dict(each.split("=") for each in tags)
            if tag["site"] != SITE:
                self._complain("nothing-invented", f"{head} {time_ms}")
            elif measurement == "kvarter":
                self._rows.setdefault(tag["device"], {})[time_ms] = row
            elif tag["kind"] == "gap":
                start_ms, end_ms = int(row.fields["from"][:-1]), int(row.fields["to"][:-1])
                self.gaps.append(Gap(start_ms, end_ms, tag["cause"], tag.get("device")))
        for device in self._rows.keys() - self.gateway.truth.samples.keys():
            self._complain("nothing-invented", f"rows of {device}, which was never sampled")

    def _match(self, samples: list[Sample], rows: dict[int, Row], offsets: Mapping[int, set[int]]) -> None:
        """Find the row of each sample by what was added to the clock of its boot; say which rows have none."""
        taken = {sample.row_ms for sample in samples}
        for sample in samples:
            if sample.time_ms is None and sample.row_ms is None:
                for offset_ms in sorted(offsets.get(sample.boot, ())):
                    time_ms = sample.monotonic_ms + offset_ms
                    if time_ms in rows and time_ms not in taken:
                        sample.row_ms = time_ms
                        taken.add(time_ms)
                        break
        for time_ms, row in rows.items():
            if time_ms not in taken:
                energy = row.fields.get("elec_energy_import")
                known = any(_energy(each) == energy for each in samples if "elec_energy_import" in each.expected)
                name = "exactly-once" if energy and known else "nothing-invented"
                self._complain(name, f"{samples[0].device} {time_ms} {row.fields}")

    def _compare(self, samples: list[Sample], rows: dict[int, Row]) -> None:
        for sample in samples:
            if sample.row_ms is None:
                continue
            fields = rows[sample.row_ms].fields
            held = {name: float(text.rstrip("i")) for name, text in fields.items() if name not in ("status", "clock")}
            same = held.keys() == sample.expected.keys() and all(
                abs(held[name] - value) <= 1e-12 * abs(value) for name, value in sample.expected.items()
            )
            if not same or fields.get("status") != f"{sample.status}i":
                self._complain("same-content", f"{sample.device} {sample.row_ms}: {fields}, sampled {sample.expected}")

    def _judge_missing(self, samples: list[Sample]) -> None:
        device = samples[0].device
        refused = sum(gap.cause == "refused" and gap.device == device for gap in self.gaps)
        for sample in samples:
            if sample.row_ms is not None or sample.is_maybe:
                continue
            self.lost += 1
            is_ahead = sample.time_ms is not None and sample.time_ms > sample.true_ms + _AHEAD_MS
            instants = {sample.time_ms or sample.wall_ms, round(sample.true_ms)}
            in_gap = any(
                gap.start_ms - 1000 <= at_ms <= gap.end_ms + 1000
                for gap in self.gaps
                if gap.device in (None, sample.device)
                for at_ms in instants
            )
            where = f"{sample.device} status {sample.status} at {_when(sample.at_s)}, stamped {sample.time_ms}"
            if is_ahead:
                in_gap = refused >= 0
                refused -= 1
            if not in_gap:
                self._complain("accounted", f"{where} is neither in the store nor in a gap")
            name = None if is_ahead else self._unexplained(sample)
            if name is not None:
                self._complain(name, f"{where} is lost")

    def _unexplained(self, sample: Sample) -> str | None:
        """Return the rule that the loss of a sample breaks, None where the faults explain it."""
        for fault in self.faults:
            if fault.kind == "rot" and fault.at_s >= sample.at_s - _WINDOW_S:
                return None
            if fault.kind == "store_poison" and fault.at_s + fault.length_s >= sample.at_s:
                return None
        ends = [cut.at_s for cut in self.gateway.cuts]
        if not self.gateway.has_memory:
            ends += [life.died_s for life in self.gateway.lives if life.died_s is not None]
        after = [at_s for at_s in ends if at_s >= sample.at_s]
        if not after:
            return "kill-loses-nothing"
        cut_s = min(after)
        if cut_s - sample.at_s <= _WINDOW_S + _FLUSH_S:
            return None
        for fault in self.faults:
            is_disk = fault.kind in ("disk", "sync_error", "slow_disk")
            if is_disk and fault.at_s <= cut_s and fault.at_s + fault.length_s + _SETTLING_S >= sample.at_s:
                return None
        return "loss-window"

    def _judge_times(self, samples: list[Sample], rows: dict[int, Row]) -> None:
        last_ms = 0
        leap_ms = _LEAP_MS if any(fault.kind == "leap" for fault in self.faults) else 0
        for sample in samples:
            if sample.row_ms is None or "clock" in rows[sample.row_ms].fields:
                continue
            error_ms = sample.row_ms - sample.true_ms
            if abs(error_ms) > _TOLERANCE_MS + leap_ms:
                self._complain("honest-time", f"{sample.device} {sample.row_ms} is {error_ms:.0f} ms wrong, unmarked")
            if sample.row_ms <= last_ms:
                self._complain("time-increases", f"{sample.device} {sample.row_ms} after {last_ms}")
            last_ms = sample.row_ms

    def _judge_schedule(self, device: str, samples: list[Sample]) -> None:
        times = [sample.at_s for sample in samples]
        for life in self.gateway.lives:
            end_s = life.died_s if life.died_s is not None else self.gateway.true.now_s()
            inside = [at_s for at_s in times if life.started_s <= at_s <= end_s]
            stop_s = 0.0 if not life.stop.is_set() else 200.0
            marks = [life.started_s, *inside, end_s - stop_s]
            for before_s, after_s in pairwise(marks):
                if after_s - before_s > 2.5 * INTERVAL_S:
                    text = f"{device}: nothing from {_when(before_s)} for {after_s - before_s:.0f} s"
                    self._complain("schedule", text)
            most = (end_s - life.started_s) / INTERVAL_S * 1.1 + 5
            if len(inside) > most:
                self._complain("schedule", f"{device}: {len(inside)} readouts in {end_s - life.started_s:.0f} s")

    def _judge_gaps(self) -> None:
        for gap in self.gaps:
            if gap.cause != "power_cut":
                continue
            if not any(self._is_bounded(gap, *cut) for cut in self._cuts()):
                span = f"from {gap.start_ms - EPOCH_MS} to {gap.end_ms - EPOCH_MS} ms"
                self._complain("gap-bounded", f"a gap {span} belongs to no power cut, or is too long")

    def _cuts(self) -> Iterator[tuple[float, float]]:
        """Yield instants in milliseconds of UTC: how far back a gap may reach, and when power was back."""
        for cut_s, back_s, wrong_ms in self.gateway.cuts:
            # A sign of life stands in the time of the wall clock.
            start_s = cut_s - wrong_ms / 1000
            for fault in self.faults:
                is_disk = fault.kind in ("disk", "sync_error", "slow_disk")
                if is_disk and fault.at_s <= cut_s <= fault.at_s + fault.length_s + _SETTLING_S:
                    start_s = min(start_s, fault.at_s)
                is_clock = fault.kind.startswith("clock") and fault.at_s <= cut_s <= fault.at_s + fault.length_s + 700
                if is_clock:
                    # Its bounds stand in the times of a clock that was wrong.
                    start_s = float("-inf")
            yield _utc_ms(start_s) - _LONGEST_GAP_MS, _utc_ms(back_s)

    def _is_bounded(self, gap: Gap, earliest_ms: float, back_ms: float) -> bool:
        if earliest_ms == float("-inf"):
            return True
        return gap.start_ms >= earliest_ms and gap.end_ms <= back_ms + _LONGEST_GAP_MS


def _find_by_time_and_value(samples: list[Sample], rows: dict[int, Row]) -> Iterator[tuple[int, int]]:
    """Find rows by the time of the stamp, else by the values; yield boots with what was added to their clocks."""
    by_energy = {row.fields.get("elec_energy_import"): time_ms for time_ms, row in rows.items()}
    for sample in samples:
        if sample.time_ms is not None:
            sample.row_ms = sample.time_ms if sample.time_ms in rows else None
        elif "elec_energy_import" in sample.expected:
            sample.row_ms = by_energy.get(_energy(sample))
            if sample.row_ms is not None:
                yield sample.boot, sample.row_ms - sample.monotonic_ms


def _energy(sample: Sample) -> str:
    return f"{sample.expected['elec_energy_import']:.15g}"


def _utc_ms(at_s: float) -> float:
    return EPOCH_MS + (at_s - START_S) * 1000


def _when(at_s: float) -> str:
    minutes, seconds = divmod(at_s - START_S, 60)
    return f"{int(minutes // 1440)}d {int(minutes // 60 % 24):02}:{int(minutes % 60):02}:{seconds:06.3f}"
