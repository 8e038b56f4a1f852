"""What a writer noted, as far as a cut at some instant may be judged by it: pure."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.wire.line import parse_line

Gap = tuple[int, int]
"""From and to in UTC ms, both included."""


@dataclass(slots=True)
class Story:
    """What one or several writers did, one after the other, on the same disk."""

    begun_ns: dict[int, int] = field(default_factory=dict)
    """Number → just before it was appended."""
    appended_ns: dict[int, int] = field(default_factory=dict)
    """Number → just after the spool had taken it."""
    times_ms: dict[int, int] = field(default_factory=dict)
    """Number → the UTC that it was given."""
    durable_ns: dict[int, int] = field(default_factory=dict)
    """Number → just after the first sync that covered it."""
    released_ns: dict[int, int] = field(default_factory=dict)
    """Number → just before its receipt was handed over."""
    stored_gaps: list[tuple[int, Gap]] = field(default_factory=list)
    """Gaps that got their receipt, each with the instant just before."""
    rounds_ns: list[tuple[int, int]] = field(default_factory=list)
    """First write and end of the sync of each round."""
    starved_ns: list[tuple[int, int]] = field(default_factory=list)
    """From and to when the machine let the writer wait."""
    memory_lost_ns: list[int] = field(default_factory=list)
    """When what was in RAM alone was gone, with a process that had died."""

    def read(self, lines: Iterable[str]) -> None:
        """Take in the notes of a writer; the last may be cut off, because its process was killed."""
        begun_ns: int | None = None
        for text in lines:
            if not text.endswith("\n"):
                break
            at_ns, what, about = json.loads(text)
            if what == "append":
                self.begun_ns[about[0]], self.times_ms[about[0]] = at_ns, about[1]
            elif what == "appended":
                self.appended_ns[about] = at_ns
            elif what == "begin":
                begun_ns = begun_ns or at_ns
            elif what == "durable":
                for number in about:
                    self.durable_ns.setdefault(number, at_ns)
                self._note_synced(begun_ns, at_ns)
                begun_ns = None
            elif what == "released":
                self.released_ns |= dict.fromkeys(about, at_ns)
            else:
                self._note(at_ns, what, about)

    def _note_synced(self, begun_ns: int | None, at_ns: int) -> None:
        """Note the end of a round, which may sync several files one after the other."""
        if begun_ns is None and self.rounds_ns:
            begun_ns = self.rounds_ns.pop()[0]
        self.rounds_ns.append((begun_ns or at_ns, at_ns))

    def _note(self, at_ns: int, what: str, about: Any) -> None:  # noqa: ANN401 - as it stands in the note
        if what == "stored gap":
            self.stored_gaps.append((at_ns, (about[0], about[1])))
        elif what == "starved":
            self.starved_ns.append((about, at_ns))


@dataclass(slots=True)
class Verdict:
    """What a power cut took, and what is wrong with that."""

    lost: int = 0
    """Readouts without receipt that are gone."""
    oldest_lost_s: float = 0.0
    """Age of the oldest of them when the power went."""
    durable: int = 0
    """Readouts that were durable, without receipt, and are there."""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """What a start after the cut gave back."""

    times_ms: dict[int, int]
    """Number → time of the line that came out."""
    gaps: Sequence[Gap]
    is_repaired: bool = False
    """The file system needed its own check before it could be mounted."""


def gap_of(text: bytes) -> list[Gap]:
    """Return the gap that a line declares, if it does."""
    parsed = parse_line(text.rpartition(b"\n")[2])
    if parsed.measurement != "kvarter_event" or parsed.tags.get("kind") != "gap":
        return []
    return [(int(parsed.fields["from"]), int(parsed.fields["to"]))]


def judge(story: Story, found: Found, *, cut_ns: int, window_s: float) -> Verdict:
    """Return what the cut took of what had been appended before it.

    Args:
        story: What the writers did.
        found: What is there after the cut.
        cut_ns: When the power went, on the monotonic clock.
        window_s: What is younger may be gone, and so may be a flush in progress; while the machine let the writer wait,
            its time stood still.
    """
    verdict = Verdict()
    for number, time_ms in found.times_ms.items():
        if story.begun_ns.get(number, cut_ns + 1) > cut_ns:
            verdict.faults.append(f"{number} is there, and was appended later or never")
        elif story.times_ms[number] != time_ms:
            verdict.faults.append(f"{number} has the time {time_ms}, and was given {story.times_ms[number]}")
    gaps = [*found.gaps, *(gap for at_ns, gap in story.stored_gaps if at_ns < cut_ns)]
    for number, at_ns in story.appended_ns.items():
        if at_ns > cut_ns or story.released_ns.get(number, cut_ns) < cut_ns:
            continue
        is_durable = story.durable_ns.get(number, cut_ns) < cut_ns
        if number in found.times_ms:
            verdict.durable += is_durable
            continue
        gone_ns = min((lost_ns for lost_ns in story.memory_lost_ns if at_ns < lost_ns < cut_ns), default=cut_ns)
        age_s = (gone_ns - at_ns) / 1e9
        verdict.lost += 1
        verdict.oldest_lost_s = max(verdict.oldest_lost_s, age_s)
        allowed_s = window_s + _in_progress_s(story, gone_ns) + _starved_s(story, at_ns, gone_ns)
        if is_durable:
            verdict.faults.append(f"{number} was durable and is gone")
        elif age_s > allowed_s:
            verdict.faults.append(f"{number} is gone at the age of {age_s:.2f} s; {allowed_s:.2f} s are allowed")
        if not any(start <= story.times_ms[number] <= end for start, end in gaps):
            verdict.faults.append(f"{number} is gone, and no gap says so")
    return verdict


def _in_progress_s(story: Story, cut_ns: int) -> float:
    """Return how long a round had been under way that was not synced yet."""
    ends = [end for _, end in story.rounds_ns]
    index = bisect_left(ends, cut_ns)
    if index == len(story.rounds_ns):
        return 0.0
    return max(0.0, (cut_ns - story.rounds_ns[index][0]) / 1e9)


def _starved_s(story: Story, from_ns: int, to_ns: int) -> float:
    """Return how long the writer had to wait for the machine between two instants."""
    return sum(max(0, min(end, to_ns) - max(start, from_ns)) for start, end in story.starved_ns) / 1e9
