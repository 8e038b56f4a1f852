"""The gateway's retained status: birth and will, its counters, how it is, and devices for other programs."""

import logging
from collections.abc import Mapping

from gateway.core.clock import Clock
from gateway.core.errors import SinkUnavailable
from gateway.core.notices import Notices, Tidings
from gateway.core.protocols import BrokerSession, Message
from gateway.relay.settings import Origin, RelayCounters
from gateway.wire.condition import Condition, condition_tree
from gateway.wire.status import encode_birth, encode_will
from gateway.wire.topics import Topics

_LOG = logging.getLogger(__name__)

_LOOK_S = 10.0
"""Between two looks at the counters and at how the gateway is."""
_AGAIN_S = 60.0
"""Between two births that say nothing worse than how much was done meanwhile."""


class Presence:
    """Tells that this gateway is there, and how it is.

    Args:
        origin: Who tells.
        clock: Time.
        counters: Of the relay, told with those of the gateway.
        notices: Of the relay.
    """

    def __init__(self, origin: Origin, *, clock: Clock, counters: RelayCounters, notices: Notices) -> None:
        self.in_force = origin.catalogue
        """Id of the catalogue that is told."""
        self._origin = origin
        self._clock = clock
        self._counters = counters
        self._notices = notices
        self._topic = Topics(origin.site).status
        self._tidings = Tidings()
        self._told = origin.catalogue
        self._condition: Condition | None = None
        self._worries: object = None
        self._told_s = clock.monotonic()
        self._introduced: set[str] = set()

    @property
    def will(self) -> Message:
        """What the broker is to say when we vanish."""
        return Message(self._topic, encode_will(self._origin.run), retain=True)

    async def begin(self, session: BrokerSession) -> None:
        """Publish the birth, and the devices for other programs.

        Raises:
            SinkUnavailable: the birth cannot be published.
        """
        await session.publish(self._birth())
        await self._introduce(session)

    async def tell(self, session: BrokerSession) -> None:
        """Publish the birth again, for ever, when something is worth it or another catalogue is in force.

        Raises:
            SinkUnavailable: it cannot be published.
        """
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + _LOOK_S)
            is_due = self._tidings.is_due(self._troubles(), now_s=self._clock.monotonic())
            is_new = self._told != self.in_force
            if is_new or self._is_changed() or is_due:
                await session.publish(self._birth())
            if is_new:
                await self._introduce(session)

    def _troubles(self) -> Mapping[str, int]:
        return {**self._origin.counters(), **self._counters.troubles()}

    def _is_changed(self) -> bool:
        """Return whether how the gateway is must be told: what worries at once, everything else seldom."""
        if self._origin.worries() != self._worries:
            return True
        if self._clock.monotonic() - self._told_s < _AGAIN_S:
            return False
        return _undated(self._origin.condition()) != _undated(self._condition)

    def _birth(self) -> Message:
        counters = self._troubles()
        self._told_s = self._clock.monotonic()
        self._tidings.told(counters, now_s=self._told_s)
        self._told = self.in_force
        self._condition, self._worries = self._origin.condition(), self._origin.worries()
        birth = encode_birth(
            run=self._origin.run,
            version=self._origin.version,
            catalogue=self.in_force,
            counters=counters,
            gateway=None if self._condition is None else condition_tree(self._condition),
        )
        return Message(self._topic, birth, retain=True)

    async def _introduce(self, session: BrokerSession) -> None:
        """Tell other programs of the devices, and let them forget those that are gone; a broker may forbid it."""
        messages = self._origin.announcements()
        gone = dict.fromkeys(self._introduced - set(messages), b"")
        try:
            for topic, text in {**messages, **gone}.items():
                await session.publish(Message(topic, text, retain=True))
        except SinkUnavailable as exc:
            text_of = f"devices cannot be announced: {exc}"
            line = self._notices.failed("discovery", text_of, now_s=self._clock.monotonic())
            if line is not None:
                _LOG.warning("relay: %s", line)
        self._introduced = set(messages)


def _undated(condition: Condition | None) -> Condition | None:
    return None if condition is None else condition.model_copy(update={"time_ms": None})
