"""The owner of a port on which meters send by themselves: takes what is due from what arrives."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.clock import Clock
from gateway.core.errors import CorruptFrame, LinkDown
from gateway.core.notices import Notices
from gateway.core.protocols import Listener
from gateway.core.readout import Readout, Status
from gateway.poller.poller import PollCounters, Sink
from gateway.poller.schedule import PointGroup, aligned_after

log = logging.getLogger(__name__)

_SAID_AGAIN_S = 60.0
_AT_MOST_S = 1.0
"""How long a wait for a telegram lasts at most, so that finishing is never far."""
_DOWN_S = 0.5


@dataclass(frozen=True, slots=True)
class HeardDevice:
    """One device whose telegrams are waited for."""

    name: str
    groups: tuple[PointGroup, ...]
    silence_s: float
    """The longest time without telegram that is in order."""
    optional: frozenset[str] = frozenset()
    """Points that not every machine of the model sends."""


@dataclass(slots=True)
class _Due:
    """A group that waits for a telegram from an instant on."""

    group: PointGroup
    device: HeardDevice
    due_s: float

    @property
    def patience_s(self) -> float:
        return max(self.group.interval_s, self.device.silence_s)

    def wants(self, now_s: float) -> bool:
        return self.due_s <= now_s

    def is_served(self, values: dict[str, object], now_s: float) -> bool:
        """Return whether these values will do: all of them, or after long waiting some."""
        held = [values.get(point) is not None for point in self.group.points if point not in self.device.optional]
        return (bool(held) and all(held)) or (
            now_s - self.due_s >= self.patience_s and any(values.get(p) is not None for p in self.group.points)
        )


@dataclass(slots=True)
class _Trouble:
    """Why nothing was had since the last telegram."""

    status: Status = Status.NO_ANSWER
    text: str = field(default="")


class ListeningPoller:
    """Takes readouts from the telegrams of one port, each group of points at its own interval.

    Args:
        link: Its id, for the log.
        listener: Hears the port.
        devices: Those behind it.
        clock: Time.
        sink: Receives a readout for every instant that was due.
    """

    def __init__(
        self, link: str, listener: Listener, devices: Sequence[HeardDevice], *, clock: Clock, sink: Sink
    ) -> None:
        self.link = link
        self.counters = PollCounters()
        self.progress_s = math.inf
        """Always infinity: to wait for a telegram is progress."""
        self._listener = listener
        self._devices = devices
        self._clock = clock
        self._sink = sink
        self._notices = Notices(change_s=_SAID_AGAIN_S)
        self._trouble = _Trouble()
        self._finishing = False
        self._dues: list[_Due] = []

    async def run(self) -> None:
        """Listen until cancelled, or until `finish`."""
        now_s, utc_s = self._clock.monotonic(), self._clock.utc_ms() / 1000
        self._dues = [
            _Due(group, device, aligned_after(group.interval_s, now_s, utc_s))
            for device in self._devices
            for group in device.groups
        ]
        while not self._finishing:
            await self._listen()
            self._give_up()

    async def finish(self) -> None:
        """Take no further telegram."""
        self._finishing = True

    def backed_off(self) -> tuple[str, ...]:
        """Return nothing: nobody is asked."""
        return ()

    async def _listen(self) -> None:
        try:
            readouts = await self._listener.listen(deadline_s=self._clock.monotonic() + _AT_MOST_S)
        except CorruptFrame as exc:
            self._suffer(Status.CORRUPT_FRAME, str(exc))
        except LinkDown as exc:
            self._suffer(Status.LINK_DOWN, f"{exc}; devices behind it: {', '.join(d.name for d in self._devices)}")
            await self._clock.sleep_until(self._clock.monotonic() + _DOWN_S)
        else:
            for readout in readouts:
                self._take(readout)

    def _suffer(self, status: Status, text: str) -> None:
        self._trouble = _Trouble(status, text)
        line = self._notices.failed(self.link, text, now_s=self._clock.monotonic())
        if line is not None:
            log.warning("%s", line)

    def _take(self, readout: Readout) -> None:
        now_s = readout.monotonic_s
        values: dict[str, object] = dict(zip(readout.points, readout.values, strict=True))
        served = [
            due
            for due in self._dues
            if due.device.name == readout.device and due.wants(now_s) and due.is_served(values, now_s)
        ]
        if not served:
            return
        self._recovered(readout.device)
        wanted = {point for due in served for point in due.group.points}
        chosen = [index for index, point in enumerate(readout.points) if point in wanted]
        required = wanted - next(iter(served)).device.optional
        missing = any(values.get(point) is None for point in required)
        self._emit(
            Readout(
                readout.device,
                now_s,
                tuple(readout.points[index] for index in chosen),
                tuple(readout.values[index] for index in chosen),
                Status.PARTIAL if missing else Status.OK,
                readout.suspect & wanted,
            )
        )
        for due in served:
            self._follow(due, now_s)

    def _recovered(self, device: str) -> None:
        self._trouble = _Trouble()
        if self._notices.recovered(self.link):
            log.info("%s: telegrams arrive again", self.link)
        if self._notices.recovered(device):
            log.info("%s: is heard again on %s", device, self.link)

    def _give_up(self) -> None:
        """Say of every group that has waited too long that there is nothing."""
        now_s = self._clock.monotonic()
        for device in self._devices:
            overdue = [due for due in self._dues if due.device is device and now_s - due.due_s >= 2 * due.patience_s]
            if not overdue:
                continue
            self.counters.failed += 1
            self._emit(Readout(device.name, now_s, (), (), self._trouble.status))
            for due in overdue:
                due.due_s += due.group.interval_s
            if self._trouble.status is Status.NO_ANSWER:
                waited_s = max(due.patience_s for due in overdue) * 2
                text = (
                    f"{device.name}: no telegram on {self.link} for {waited_s:g} s; is the cable in, and its port on?"
                )
                line = self._notices.failed(device.name, f"{device.name}: {text}", now_s=now_s)
                if line is not None:
                    log.warning("%s", line)

    def _follow(self, due: _Due, now_s: float) -> None:
        due.due_s = aligned_after(due.group.interval_s, now_s, self._clock.utc_ms() / 1000)

    def _emit(self, readout: Readout) -> None:
        self.counters.polls += 1
        name = readout.status.name.lower()
        self.counters.outcomes[name] = self.counters.outcomes.get(name, 0) + 1
        self._sink(readout)
