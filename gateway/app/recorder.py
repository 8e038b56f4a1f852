"""What happens to a readout between poller and spool: stamped, encoded, kept, and shown live."""

import asyncio
import math
from collections.abc import Callable, Sequence

from gateway.core.clock import Clock
from gateway.core.protocols import Entry, Spool
from gateway.core.readout import Event, Readout
from gateway.poller.stamp import Anchor, Footing, Stamper
from gateway.wire.line import EVENT, LineEncoder, mark_uncertain

_EVENT_APART_S = 0.002
Live = Callable[[Readout, int | None], None]
"""Takes each readout with its UTC time; must not wait."""


class Recorder:
    """Writes readouts and events into the spools, one per destination."""

    def __init__(
        self, encoder: LineEncoder, stamper: Stamper, *, clock: Clock, spools: Sequence[Spool], live: Sequence[Live]
    ) -> None:
        self._encoder = encoder
        self._stamper = stamper
        self._clock = clock
        self._spools = spools
        self._live = live
        self.told: list[Callable[[Event], None]] = []
        """Called with every event; must not wait."""
        self.anchored = asyncio.Event()
        """Is set whenever it became known what the time is."""
        self.readouts = 0
        self.gaps = 0
        self._event_s = -math.inf

    @property
    def footing(self) -> Footing:
        """What is known of the clock of this boot."""
        return self._stamper.footing

    def readout(self, readout: Readout) -> None:
        """Keep a readout and show it."""
        self.readouts += 1
        time_ms = self._keep(self._encoder.readout(readout), readout.device, readout.monotonic_s)
        for show in self._live:
            show(readout, time_ms)

    def event(self, event: Event) -> None:
        """Keep an event."""
        self.gaps += event.kind == "gap"
        # Two events of one millisecond would be one row in the store; without a time yet, only this keeps them apart.
        self._event_s = max(self._clock.monotonic(), self._event_s + _EVENT_APART_S)
        self._keep(self._encoder.event(event), EVENT, self._event_s)
        for tell in self.told:
            tell(event)

    def _keep(self, body: bytes, series: str, monotonic_s: float) -> int | None:
        stamp = self._stamper.stamp(series, monotonic_s)
        for news in self._stamper.news():
            self._tell(news)
        if stamp is not None and stamp.uncertain:
            body = mark_uncertain(body)
        time_ms = stamp.time_ms if stamp else None
        entry = Entry(body, round(monotonic_s * 1000), time_ms)
        for spool in self._spools:
            spool.append(entry)
        return time_ms

    def _tell(self, news: Anchor | Event) -> None:
        self.anchored.set()
        if isinstance(news, Event):
            self.event(news)
            return
        for spool in self._spools:
            spool.anchor(news.offset_ms, uncertain=news.uncertain)
