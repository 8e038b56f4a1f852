"""Is the store what the devices said? Compares stored rows with what was served, value by value. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose

CLOCK_GRAIN_MS = 2
"""Both sides round the same clock to whole milliseconds."""
SAME_TO = 1e-9
"""Relative: a stored value has 15 digits."""
EXAMPLES = 3

Number = float | int
Served = tuple[int, Mapping[str, Number | None]]
"""UTC ms and the values of one answered request; None where the device served its code for 'no value'."""
Stored = tuple[int, Mapping[str, Number | None]]
"""UTC ms and the point columns of one row."""
Gap = tuple[int, int]
"""From and to in UTC ms, both included."""


@dataclass(slots=True)
class DeviceAudit:
    """What became of one device's values."""

    device: str
    rows: int = 0
    values: int = 0
    """Stored values that are what was served."""
    lost: int = 0
    """Values that were served, and are neither stored nor inside a gap."""
    invented: int = 0
    """Stored values for which nothing was served."""
    differing: int = 0
    """Stored values that are not what was served."""
    in_gaps: int = 0
    """Values that were served inside a recorded gap, and are not stored."""
    discarded: int = 0
    """Values of answers that came too late or damaged: the row of their poll says that it failed."""
    unfinished: int = 0
    """Values of the last poll, which the end of the run cut off."""
    findings: list[str] = field(default_factory=list)

    @property
    def balances(self) -> bool:
        """Whether every value is where it must be."""
        return not (self.lost or self.invented or self.differing)

    def note(self, text: str) -> None:
        """Keep the first few findings in words."""
        if len(self.findings) < EXAMPLES:
            self.findings.append(f"{self.device}: {text}")


class _Polls:
    """What was answered of one point, poll by poll; a poll may ask for the same register more than once."""

    def __init__(self, interval_ms: int, row_times: Sequence[int]) -> None:
        self._interval_ms = interval_ms
        self._row_times = row_times
        self._row = -1
        """How many rows stood before the last answer."""
        self.times: list[int] = []
        """Of the first answer of each poll."""
        self.values: list[list[Number | None]] = []
        """All answers of each poll."""
        self.accounted = 0
        """How many polls are accounted for."""

    def add(self, time_ms: int, value: Number | None) -> None:
        """Take the next answer; within half an interval, and with no row between, it belongs to the same poll."""
        row = bisect_left(self._row_times, time_ms - CLOCK_GRAIN_MS)
        if self.times and row == self._row and time_ms - self.times[-1] < self._interval_ms / 2:
            self.values[-1].append(value)
            return
        self._row = row
        self.times.append(time_ms)
        self.values.append([value])

    def until(self, time_ms: int) -> int:
        """Return how many polls began up to an instant."""
        return bisect_right(self.times, time_ms + CLOCK_GRAIN_MS)


@dataclass(frozen=True, slots=True)
class _Excuses:
    """Why a value that was served need not be stored."""

    gaps: Sequence[Gap]
    row_times: Sequence[int]
    failures: frozenset[int]
    """Times of the rows that say that their poll failed, wholly or in part."""

    def in_gap(self, time_ms: int) -> bool:
        """Return whether a recorded gap covers the instant."""
        return any(start <= time_ms <= stop for start, stop in self.gaps)

    def failed(self, time_ms: int) -> bool:
        """Return whether the next row says that the poll failed."""
        following = bisect_left(self.row_times, time_ms - CLOCK_GRAIN_MS)
        return following < len(self.row_times) and self.row_times[following] in self.failures


def audit_device(
    device: str,
    served: Iterable[Served],
    rows: Iterable[Stored],
    *,
    intervals_ms: Mapping[str, int],
    gaps: Sequence[Gap],
) -> DeviceAudit:
    """Return the balance of one device.

    A row accounts for the last poll before it; each poll must be accounted for by exactly one row, or lie in a gap.

    Args:
        device: Its name.
        served: Answers in the order they were given.
        rows: Stored rows in ascending time.
        intervals_ms: How often each point is read; others are not looked at.
        gaps: Recorded gaps that concern the device.
    """
    result = DeviceAudit(device)
    rows = list(rows)
    failed = [time_ms for time_ms, columns in rows if columns.get("status")]
    excuses = _Excuses(gaps, [time_ms for time_ms, _ in rows], frozenset(failed))
    answers = {point: _Polls(interval_ms, excuses.row_times) for point, interval_ms in intervals_ms.items()}
    for served_ms, values in served:
        for point in values.keys() & answers.keys():
            answers[point].add(served_ms, values[point])
    last_ms = 0
    for time_ms, columns in rows:
        result.rows += 1
        last_ms = time_ms
        for point, stored in columns.items():
            if stored is not None and point in answers:
                _account(result, point, (time_ms, stored), answers=answers[point], excuses=excuses)
    for point, of_point in answers.items():
        _count_rest(result, point, of_point, last_ms=last_ms, excuses=excuses)
    return result


def _account(
    result: DeviceAudit, point: str, stored: tuple[int, Number], *, answers: _Polls, excuses: _Excuses
) -> None:
    time_ms, value = stored
    upto = answers.until(time_ms)
    if upto <= answers.accounted:
        result.invented += 1
        result.note(f"{point}={value!r} is stored at {time_ms}, and nothing was served for it")
        return
    _count_unstored(result, point, answers, end=upto - 1, excuses=excuses)
    truth = answers.values[upto - 1]
    answers.accounted = upto
    if any(said is not None and isclose(said, value, rel_tol=SAME_TO, abs_tol=SAME_TO) for said in truth):
        result.values += 1
        return
    result.differing += 1
    result.note(f"{point} is stored as {value!r} at {time_ms}, and {truth[-1]!r} was served")


def _count_unstored(result: DeviceAudit, point: str, answers: _Polls, *, end: int, excuses: _Excuses) -> None:
    """Account for polls without a row of their own, up to but not including the one numbered `end`."""
    for number in range(answers.accounted, end):
        time_ms = answers.times[number]
        if answers.values[number][-1] is None:
            continue
        if excuses.in_gap(time_ms):
            result.in_gaps += 1
            continue
        if excuses.failed(time_ms):
            result.discarded += 1
            continue
        result.lost += 1
        result.note(f"{point}={answers.values[number][-1]!r} was served at {time_ms}, and is not stored")


def _count_rest(result: DeviceAudit, point: str, answers: _Polls, *, last_ms: int, excuses: _Excuses) -> None:
    """Account for what was served after the point's last row; of the poll in hand nothing need be stored."""
    end = len(answers.times)
    if end > answers.accounted and answers.times[-1] > last_ms:
        end -= 1
        result.unfinished += answers.values[-1][-1] is not None
    _count_unstored(result, point, answers, end=end, excuses=excuses)
