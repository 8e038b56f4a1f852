"""The owner of one bus: polls what is due and turns every outcome, good or bad, into a readout."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.clock import Clock
from gateway.core.errors import DeviceError, LinkDown, NoAnswer, Refused
from gateway.core.notices import Notices
from gateway.core.protocols import Driver
from gateway.core.readout import Readout, Status
from gateway.poller.backoff import Backoff
from gateway.poller.schedule import PointGroup, Poll, Schedule

log = logging.getLogger(__name__)

Sink = Callable[[Readout], None]
"""Takes each readout as it comes; never waits."""

_SAID_AGAIN_S = 60.0
"""A device whose trouble comes back, or changes its words, has one line in this time."""
_NAMES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """One device to poll."""

    name: str
    driver: Driver
    groups: tuple[PointGroup, ...]

    @property
    def interval_s(self) -> float:
        """The shortest of its intervals."""
        return min(group.interval_s for group in self.groups)


@dataclass(slots=True)
class PollCounters:
    """What one bus did since the start."""

    polls: int = 0
    failed: int = 0
    skipped: int = 0
    missed: int = 0
    """Instants that passed without a poll because the bus had no time."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """Status name → polls."""


class Poller:
    """Polls the devices of one link, one at a time.

    Args:
        link: Its id, for the log.
        targets: The devices behind it.
        clock: Time.
        sink: Receives a readout for every poll that was due.
    """

    def __init__(self, link: str, targets: Sequence[Target], *, clock: Clock, sink: Sink) -> None:
        self.link = link
        self.counters = PollCounters()
        self.progress_s = math.inf
        """When the poll in hand began, infinity while none is; the watchdog looks at it."""
        self._targets: Mapping[str, Target] = {target.name: target for target in targets}
        self._clock = clock
        self._sink = sink
        self._backoff = Backoff()
        self._notices = Notices(change_s=_SAID_AGAIN_S)
        self._answers = 0
        self._answers_at_loss: dict[str, int] = {}
        """Device that lost the link → how often its neighbours had answered until then."""
        self._schedule: Schedule | None = None
        self._finishing = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def targets(self) -> Mapping[str, Target]:
        """The devices by name."""
        return self._targets

    async def run(self) -> None:
        """Poll until cancelled, or until `finish`; run again, it goes on where it stood."""
        if self._schedule is None:
            self._schedule = Schedule(_groups(self._targets), **self._now())
        schedule = self._schedule
        while not self._finishing and (due_s := schedule.next_due_s) is not None:
            await self._clock.sleep_until(due_s)
            now_s = self._clock.monotonic()
            poll = schedule.take(now_s=now_s, utc_s=self._clock.utc_ms() / 1000)
            if poll is not None:
                self._idle.clear()
                self.progress_s = now_s
                try:
                    await self._poll(poll, now_s)
                finally:
                    self.progress_s = math.inf
                    self._idle.set()

    async def finish(self) -> None:
        """Begin no further poll, and return when the one in hand is done."""
        self._finishing = True
        await self._idle.wait()

    def renew(self, targets: Sequence[Target]) -> None:
        """Poll these devices when run again; one that is the same keeps its instants, and what is known of it.

        To be called while `run` does not run.
        """
        before, self._targets = self._targets, {target.name: target for target in targets}
        for name in before:
            if self._targets.get(name) is not before[name]:
                self._backoff.succeeded(name)
                self._answers_at_loss.pop(name, None)
        if self._schedule is not None:
            self._schedule.renew(_groups(self._targets), **self._now())
        self._finishing = False

    def _now(self) -> dict[str, float]:
        return {"now_s": self._clock.monotonic(), "utc_s": self._clock.utc_ms() / 1000}

    def backed_off(self) -> tuple[str, ...]:
        """Return the devices that are asked less often than planned."""
        return self._backoff.backed_off()

    async def _poll(self, poll: Poll, now_s: float) -> None:
        target = self._targets[poll.device]
        self.counters.polls += 1
        if poll.missed:
            self.counters.missed += poll.missed
            self._emit(Readout(target.name, now_s, (), (), Status.SKIPPED))
        if not self._backoff.allows(target.name, now_s):
            self.counters.skipped += 1
            self._emit(Readout(target.name, now_s, (), (), Status.SKIPPED))
            return
        readout = await self._read(target, poll)
        if readout.status in {Status.OK, Status.PARTIAL}:
            self._recovered(target)
        else:
            self._failed(target, readout, started_s=now_s)
        self._emit(readout)

    async def _read(self, target: Target, poll: Poll) -> Readout:
        try:
            return await target.driver.read(poll.points)
        except LinkDown as exc:
            self._warn(self.link, f"{exc}; devices behind it: {_listed(list(self._targets))}")
            return self._failure(target, Status.LINK_DOWN)
        except DeviceError as exc:
            self._warn(target.name, str(exc))
            return self._failure(target, _status_of(exc))
        except Exception as exc:  # a fault in one decoder must not blind the building
            if self._news(target.name, f"fault in its driver: {type(exc).__name__}"):
                log.exception("%s: fault in its driver on %s; please report it", target.name, self.link)
            return self._failure(target, Status.CORRUPT_FRAME)

    def _failure(self, target: Target, status: Status) -> Readout:
        return Readout(target.name, self._clock.monotonic(), (), (), status)

    def _warn(self, subject: str, text: str) -> None:
        line = self._news(subject, text)
        if line is not None:
            log.warning("%s", line)

    def _news(self, subject: str, text: str) -> str | None:
        return self._notices.failed(subject, text, now_s=self._clock.monotonic())

    def _recovered(self, target: Target) -> None:
        self._answers += 1
        self._answers_at_loss.pop(target.name, None)
        self._backoff.succeeded(target.name)
        if self._notices.recovered(self.link):
            log.info("%s: is there again", self.link)
        if self._notices.recovered(target.name):
            log.info("%s: answers again on %s", target.name, self.link)

    def _failed(self, target: Target, readout: Readout, *, started_s: float) -> None:
        self.counters.failed += 1
        if readout.status is Status.LINK_DOWN and not self._ends_the_link(target.name):
            return  # says nothing about the device; the link has its own pace of reopening
        now_s = self._clock.monotonic()
        self._backoff.failed(target.name, now_s=now_s, cost_s=now_s - started_s, interval_s=target.interval_s)

    def _ends_the_link(self, device: str) -> bool:
        """Return whether the link was lost with this device again, while others were answered in between."""
        before = self._answers_at_loss.get(device)
        self._answers_at_loss[device] = self._answers
        return before is not None and before != self._answers

    def _emit(self, readout: Readout) -> None:
        name = readout.status.name.lower()
        self.counters.outcomes[name] = self.counters.outcomes.get(name, 0) + 1
        self._sink(readout)


def _groups(targets: Mapping[str, Target]) -> list[PointGroup]:
    return [group for target in targets.values() for group in target.groups]


def _status_of(error: DeviceError) -> Status:
    if isinstance(error, NoAnswer):
        return Status.NO_ANSWER
    if isinstance(error, Refused):
        return Status.REFUSED
    return Status.CORRUPT_FRAME


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
