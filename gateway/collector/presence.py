"""The collector's own status on the broker: a retained birth with its counters, and a will."""

from gateway.collector.journal import Journal
from gateway.collector.settings import Origin
from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.notices import Tidings
from gateway.core.protocols import BrokerSession, Message
from gateway.wire.status import encode_birth, encode_will
from gateway.wire.topics import Topics

_LOOK_S = 10.0
"""Between two looks at the counters."""


class Presence:
    """Tells that this collector is there, and what went wrong."""

    def __init__(self, origin: Origin, *, clock: Clock, journal: Journal) -> None:
        self._origin = origin
        self._clock = clock
        self._journal = journal
        self._topic = Topics(origin.name).status
        self._tidings = Tidings()

    @property
    def will(self) -> Message:
        """What the broker is to say when we vanish."""
        return Message(self._topic, encode_will(self._origin.run), retain=True)

    async def tell(self, session: BrokerSession) -> None:
        """Publish the birth, and again whenever its counters are worth it; a broker that forbids it stops nothing."""
        await self._publish(session)
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + _LOOK_S)
            if self._tidings.is_due(self._journal.counters.troubles(), now_s=self._clock.monotonic()):
                await self._publish(session)

    async def _publish(self, session: BrokerSession) -> None:
        counters = self._journal.counters.troubles()
        self._tidings.told(counters, now_s=self._clock.monotonic())
        birth = encode_birth(run=self._origin.run, version=self._origin.version, counters=counters)
        try:
            await session.publish(Message(self._topic, birth, retain=True))
        except SinkUnavailable as exc:
            self._journal.warn("status", f"the status cannot be told: {exc}")
