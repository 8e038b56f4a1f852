"""Is the store what the devices said? Compares stored rows with what was served, value by value. Pure.

The answers between two rows are what the second row can be made of. A poll may ask for a register more than once, when
a device refuses a block or an answer is doubted; but where every point was answered anew, a second poll was made, and
its row is missing.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import isclose

from gateway.core.readout import Status

CLOCK_GRAIN_MS = 1
"""Both sides round the same clock to whole milliseconds."""
SAME_TO = 1e-9
"""Relative: a stored value has 15 digits."""
EXAMPLES = 3

Number = float | int
Served = tuple[int, Mapping[str, Number | None]]
"""UTC ms and the values of one answered request; None where the device served its code for 'no value'."""
Stored = tuple[int, Mapping[str, Number | None]]
"""UTC ms and the columns of one row."""
Gap = tuple[int, int]
"""From and to in UTC ms, both included."""
Columns = Mapping[str, Number | None]
Answer = tuple[int, Number | None]
"""Time and value of one point."""


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
    """Values of polls whose row says that they failed, wholly or in part."""
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


def audit_device(
    device: str,
    served: Iterable[Served],
    rows: Iterable[Stored],
    *,
    intervals_ms: Mapping[str, int],
    gaps: Sequence[Gap],
) -> DeviceAudit:
    """Return the balance of one device.

    Args:
        device: Its name.
        served: Answers in the order they were given.
        rows: Stored rows in ascending time.
        intervals_ms: How often each point is read; others are not looked at.
        gaps: Recorded gaps that concern the device.
    """
    return _Auditor(device, intervals_ms, gaps).audit(list(served), rows)


class _Auditor:
    """Goes through the rows of one device, each with the answers that no row before was made of."""

    def __init__(self, device: str, intervals_ms: Mapping[str, int], gaps: Sequence[Gap]) -> None:
        self._result = DeviceAudit(device)
        self._gaps = gaps
        self._fastest_ms = min(intervals_ms.values())
        self._answers: dict[str, deque[Answer]] = {point: deque() for point in intervals_ms}
        """Point → answers that no row was made of yet."""
        self._always = {point for point, each_ms in intervals_ms.items() if each_ms == self._fastest_ms}
        """Points that every poll reads."""

    def audit(self, served: Sequence[Served], rows: Iterable[Stored]) -> DeviceAudit:
        for time_ms, values in served:
            for point in values.keys() & self._answers.keys():
                self._answers[point].append((time_ms, values[point]))
        self._always = {point for point in self._always if self._answers[point]}
        last_ms = 0
        for time_ms, columns in rows:
            self._result.rows += 1
            last_ms = time_ms
            if columns.get("status") != Status.SKIPPED:
                self._row(time_ms, columns)
        self._rest(last_ms)
        return self._result

    def _row(self, time_ms: int, columns: Columns) -> None:
        said = {point: self._until(point, time_ms) for point in self._answers}
        failed = bool(columns.get("status"))
        valued = {point for point in self._answers if columns.get(point) is not None}
        is_whole = not valued or bool(valued & self._always)
        if not failed and is_whole:
            self._further_polls(said, self._polls(said) - 1)
        for point, answers in said.items():
            stored = columns.get(point)
            if stored is not None:
                self._value(f"{point}={stored!r} at {time_ms}", stored, point, answers)
                continue
            if not failed and not is_whole:
                continue  # a poll of slower points alone; registers between them say nothing
            self._forget(point, len(answers))
            if failed:
                self._result.discarded += _numbers(answers)
            elif point in self._always and _numbers(answers):
                self._unaccounted(answers[-1][0], 1, f"{point} was served, and the row at {time_ms} is without it")

    def _value(self, what: str, stored: Number, point: str, answers: Sequence[Answer]) -> None:
        result = self._result
        for number, (_, said) in enumerate(answers):
            if said is not None and isclose(said, stored, rel_tol=SAME_TO, abs_tol=SAME_TO):
                result.values += 1
                self._forget(point, number + 1)
                return
        if not answers:
            result.invented += 1
            result.note(f"{what} is stored, and nothing was served for it")
            return
        result.differing += 1
        result.note(f"{what} is stored, and {answers[-1][1]!r} was served")
        self._forget(point, len(answers))

    def _until(self, point: str, time_ms: int) -> list[Answer]:
        return list(takewhile(lambda answer: answer[0] <= time_ms + CLOCK_GRAIN_MS, self._answers[point]))

    def _forget(self, point: str, count: int) -> None:
        for _ in range(count):
            self._answers[point].popleft()

    def _rest(self, last_ms: int) -> None:
        """Account for what was served after the last row; of the poll in hand nothing need be stored."""
        said = {
            point: [answer for answer in answers if answer[0] > last_ms] for point, answers in self._answers.items()
        }
        self._further_polls(said, self._polls(said) - 1)
        self._result.unfinished += sum(map(_numbers, said.values()))

    def _polls(self, said: Mapping[str, Sequence[Answer]]) -> int:
        """Return how many polls were answered completely."""
        return min((self._times_asked(said[point]) for point in self._always), default=0)

    def _times_asked(self, answers: Sequence[Answer]) -> int:
        count, last_ms = 0, -self._fastest_ms
        for time_ms, _ in answers:
            if time_ms - last_ms >= self._fastest_ms / 2:
                count, last_ms = count + 1, time_ms
        return count

    def _further_polls(self, said: Mapping[str, Sequence[Answer]], polls: int) -> None:
        if polls > 0:
            first_ms = min(said[point][0][0] for point in self._always)
            self._unaccounted(first_ms, polls * len(self._always), f"{polls} polls from {first_ms} on have no row")

    def _unaccounted(self, time_ms: int, values: int, text: str) -> None:
        if any(start <= time_ms <= end for start, end in self._gaps):
            self._result.in_gaps += values
            return
        self._result.lost += values
        self._result.note(text)


def _numbers(answers: Sequence[Answer]) -> int:
    """Return 1 if any answer held a number, else 0."""
    return int(any(said is not None for _, said in answers))
