"""The last values of each device as retained JSON, for people and dashboards: newest only, and never in the way."""

import asyncio
import logging

from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.notices import Notices
from gateway.core.protocols import BrokerSession, Message
from gateway.core.readout import Readout
from gateway.relay.settings import RelayCounters
from gateway.wire.status import encode_live
from gateway.wire.topics import Topics

_LOG = logging.getLogger(__name__)


class LiveValues:
    """Keeps the newest readout of each device until it is published.

    Args:
        interval_s: A device has at most one message in this time.
    """

    def __init__(self, topics: Topics, *, interval_s: float, clock: Clock, counters: RelayCounters) -> None:
        self._topics = topics
        self._interval_s = interval_s
        self._clock = clock
        self._counters = counters
        self._notices = Notices()
        self._latest: dict[str, tuple[Readout, int | None]] = {}

    def show(self, readout: Readout, time_ms: int | None) -> None:
        """Remember a readout in place of the last one of its device."""
        self._latest[readout.device] = (readout, time_ms)

    def forget(self, device: str) -> None:
        """Do not publish what waits of a device that is gone."""
        self._latest.pop(device, None)

    async def publish(self, session: BrokerSession) -> None:
        """Publish for ever; what a broker refuses is counted and said, and stops nothing else."""
        due_s = self._clock.monotonic()
        while True:
            due_s = max(due_s + self._interval_s, self._clock.monotonic())
            await self._clock.sleep_until(due_s)
            latest, self._latest = self._latest, {}
            async with asyncio.TaskGroup() as tasks:
                for device, (readout, time_ms) in latest.items():
                    message = Message(self._topics.live(device), encode_live(readout, time_ms), retain=True)
                    tasks.create_task(self._publish(session, message), name=f"relay[people {device}]")

    async def _publish(self, session: BrokerSession, message: Message) -> None:
        try:
            await session.publish(message)
        except SinkUnavailable as exc:
            self._counters.live_failures += 1
            line = self._notices.failed("live", str(exc), now_s=self._clock.monotonic())
            if line is not None:
                _LOG.warning("relay: live values: %s", line)
        else:
            self._counters.live += 1
            self._notices.recovered("live")
