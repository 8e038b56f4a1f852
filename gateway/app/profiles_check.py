"""`kvarter profiles check`: is this profile right, does it read what its author expects, and what will it ask?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.catalog import parse_profile
from drivers.factory import poll_plan
from drivers.modbus.plan import ReadPlan
from drivers.profile import Profile
from drivers.records.plan import RecordPlan
from gateway.app.clock import SystemClock
from gateway.app.profiles_review import contradictions, remarks
from gateway.app.profiles_trial import Trial, try_profile
from gateway.core.errors import ConfigError
from gateway.core.quantity import load_vocabulary
from gateway.core.scalars import format_duration
from gateway.core.site import DeviceSettings, LinkSettings
from gateway.document.tree import load_document
from gateway.document.validation import fault

RTU_BAUDRATE = 9600
_RECORD_BAUDRATE = 2400
_KEY = re.compile(r"(?P<key>[\w'-]+(?:\[\d+\]|\.[\w'-]+)*): (?P<problem>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong in a profile."""

    file: str
    line: int | None
    key: str
    """Place in the file, as `points[3].unit`; empty where it is the whole file."""
    problem: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.problem}" if self.key else f"{where}: {self.problem}"

    def as_json(self) -> dict[str, str | int | None]:
        """Return the fault as the command prints it with --json."""
        return {"file": self.file, "line": self.line, "key": self.key, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class PollPlan:
    """What a poll of the points with one interval asks on one kind of link."""

    link: str
    interval_s: float
    points: tuple[str, ...]
    plan: ReadPlan | RecordPlan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said about a profile file without its device."""

    path: Path
    profile: Profile | None
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...] = ()
    """What is missing before others can rely on it; none of it is wrong."""
    values: int = 0
    """Expected values of its tests that were compared."""
    plans: tuple[PollPlan, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def summary(self) -> str:
        """One sentence."""
        if self.profile is None or self.faults:
            count = len(self.faults)
            return f"{self.path}: {count} fault{'s' if count != 1 else ''}"
        tests = len(self.profile.tests)
        return (
            f"{self.profile.profile}: right. {len(self.profile.points)} points; {tests} "
            f"test{'s' if tests != 1 else ''} gave the {self.values} values that their author expects"
        )

    def plan_rows(self) -> list[tuple[str, ...]]:
        """Return link, interval, points, requests and duration of each poll."""
        return [
            (
                each.link,
                format_duration(each.interval_s),
                str(len(each.points)),
                ", ".join(each.plan.requests) or "none: it sends by itself",
                f"{each.plan.duration_s * 1000:.0f} ms",
            )
            for each in self.plans
        ]

    def as_json(self) -> dict[str, object]:
        """Return the verdict as the command prints it with --json."""
        profile = self.profile
        return {
            "file": str(self.path),
            "id": profile.profile if profile else None,
            "ok": self.is_right,
            "faults": [each.as_json() for each in self.faults],
            "remarks": list(self.remarks),
            "points": len(profile.points) if profile else None,
            "tests": len(profile.tests) if profile else None,
            "values_compared": self.values,
            "plans": [
                {
                    "link": each.link,
                    "interval_s": each.interval_s,
                    "points": list(each.points),
                    "requests": each.plan.as_json(),
                    "duration_s": round(each.plan.duration_s, 6),
                }
                for each in self.plans
            ],
        }


async def check_profile(path: Path) -> Verdict:
    """Return the verdict on a profile file; a file that cannot be read is a fault as well."""
    vocabulary = load_vocabulary()
    try:
        document = load_document(path)
    except ConfigError as exc:
        return Verdict(path, None, tuple(_faults(exc, str(path))))
    try:
        profile = parse_profile(document, vocabulary)
    except ConfigError as exc:
        return Verdict(path, None, tuple(_faults(exc, document.name)))
    found = [fault(document, place, problem) for place, problem in contradictions(profile)]
    # Where the registers contradict one another, what the tests then read says nothing more.
    trial = (
        Trial((), 0) if found else await try_profile(profile, clock=SystemClock(trusted=True), vocabulary=vocabulary)
    )
    found += [fault(document, place, problem) for place, problem in trial.problems]
    plans: tuple[PollPlan, ...] = ()
    if not found:
        plans = tuple(planned(profile))
    faults = tuple(each for error in found for each in _faults(error, document.name))
    faults = tuple(sorted(faults, key=lambda each: each.line or 0))
    return Verdict(path, profile, faults, tuple(remarks(profile, path)), trial.values, plans)


def planned(profile: Profile) -> Iterator[PollPlan]:
    """Yield what is asked at each interval: of registers on RTU and on TCP, of records on the meter's own line."""
    device = DeviceSettings(id="device", profile=profile.profile, link="link")
    intervals: dict[float, list[str]] = {}
    base_s = max(profile.interval, profile.minimum_interval or 0.0)
    for point in profile.points:
        intervals.setdefault(max(point.interval or base_s, base_s), []).append(point.point)
    for name, link in _links(profile).items():
        for interval_s, points in sorted(intervals.items()):
            yield PollPlan(name, interval_s, tuple(points), poll_plan(device, profile, link, points))


def _links(profile: Profile) -> Mapping[str, LinkSettings]:
    defaults = profile.link_defaults
    if profile.protocol not in ("modbus", "sunspec"):
        baudrate = defaults.baudrate or _RECORD_BAUDRATE
        parity, stop_bits = defaults.parity or "none", defaults.stop_bits or 1
        line = LinkSettings(
            id="link",
            serial="serial",
            baudrate=baudrate,
            parity=parity,
            stop_bits=stop_bits,
            data_bits=defaults.data_bits or 8,
        )
        return {f"serial, {baudrate} baud": line}
    return {
        f"RTU, {RTU_BAUDRATE} baud": LinkSettings(
            id="link", serial="serial", baudrate=RTU_BAUDRATE, parity="none", stop_bits=1
        ),
        "TCP": LinkSettings(id="link", tcp="192.0.2.1:502"),
    }


def _faults(error: ConfigError, file: str) -> Iterator[Fault]:
    """Yield the faults that an error lists, one per line of its text."""
    for text in str(error).splitlines():
        rest, line = text.removeprefix(f"{file}:"), None
        number, colon, behind = rest.partition(": ")
        if colon and number.isdecimal():
            rest, line = behind, int(number)
        match = _KEY.fullmatch(rest.strip())
        key, problem = (match["key"], match["problem"]) if match else ("", rest.strip())
        yield Fault(file, line, key, problem)
